#include "certificate.h"

#include <livetrap_formats.h>
#include <retained.h>
#include <stdbool.h>

#include "crc16.h"
#include "runtime.h"

#define CERTIFICATE_MAGIC 0x54524543u

static RETAINED struct {
    uint32_t magic, size, crc;
    uint8_t bytes[CERTIFICATE_BYTES];
} certificate;

static bool is_set(void) {
    return certificate.magic == CERTIFICATE_MAGIC && certificate.size > 0 && certificate.size <= CERTIFICATE_BYTES;
}

void certificate_initialise(void) {
    if (!is_set() || certificate.crc != crc16(certificate.bytes, certificate.size)) certificate.magic = 0;
}

const uint8_t *certificate_get(uint32_t *size) {
    *size = is_set() ? certificate.size : 0;
    return is_set() ? certificate.bytes : NULL;
}

void certificate_set(const uint8_t *bytes, uint32_t size) {
    memcpy(certificate.bytes, bytes, size);
    certificate.size = size;
    certificate.crc = crc16(bytes, size);
    certificate.magic = CERTIFICATE_MAGIC;
}
