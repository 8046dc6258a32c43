#include "utf8.h"

bool utf8_is_valid(const uint8_t *bytes, uint32_t size) {
    const uint8_t *end = bytes + size;
    while (bytes != end) {
        const uint32_t lead = *bytes++;
        if (lead < 0x80) continue;
        /* RFC 3629 section 4: after these leads the second byte has a narrower range. */
        uint32_t lowest = 0x80, highest = 0xBF, continuations;
        if (lead >= 0xC2 && lead <= 0xDF) {
            continuations = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            continuations = 2;
            if (lead == 0xE0) lowest = 0xA0;
            if (lead == 0xED) highest = 0x9F;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            continuations = 3;
            if (lead == 0xF0) lowest = 0x90;
            if (lead == 0xF4) highest = 0x8F;
        } else {
            return false;
        }
        for (; continuations; continuations--) {
            if (bytes == end || *bytes < lowest || *bytes > highest) return false;
            bytes++;
            lowest = 0x80;
            highest = 0xBF;
        }
    }
    return true;
}
