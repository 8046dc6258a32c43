#include "crc16.h"

/* The eight shift steps of a byte b, for this polynomial: with x = b ^ b >> 4, x << 12 ^ x << 5 ^ x modulo 2^16. */
#define FOLDED(b) ((b) ^ (b) >> 4)
#define ENTRY(b) (uint32_t)(FOLDED(b) << 28 ^ FOLDED(b) << 21 ^ FOLDED(b) << 16)
#define ENTRIES_4(b) ENTRY(b), ENTRY((b) + 1u), ENTRY((b) + 2u), ENTRY((b) + 3u)
#define ENTRIES_16(b) ENTRIES_4(b), ENTRIES_4((b) + 4u), ENTRIES_4((b) + 8u), ENTRIES_4((b) + 12u)
#define ENTRIES_64(b) ENTRIES_16(b), ENTRIES_16((b) + 16u), ENTRIES_16((b) + 32u), ENTRIES_16((b) + 48u)

const uint32_t crc16_table[256] = {ENTRIES_64(0u), ENTRIES_64(64u), ENTRIES_64(128u), ENTRIES_64(192u)};

uint32_t crc16(const uint8_t *bytes, uint32_t size) {
    uint32_t crc = 0;
    for (const uint8_t *end = bytes + size; bytes != end; bytes++) crc = crc16_step(crc, *bytes);
    return crc >> 16;
}
