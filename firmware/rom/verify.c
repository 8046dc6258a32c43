#include "verify.h"

#include <livetrap_csr.h>
#include <stdbool.h>
#include <windows.h>

#include "configuration.h"
#include "flash.h"
#include "hash.h"
#include "journal.h"
#include "lms.h"
#include "runtime.h"

/* Bits of HSS_VALID that hss_verify's counts leave alone, and each other: nothing makes up for a refusal. */
#define FIRST_REFUSALS_SHIFT 8
#define SECOND_REFUSALS_SHIFT 24

volatile uint32_t verify_evidence[2];

/* The image whose body lies in SRAM. */
static struct {
    uint32_t slot;
    struct image image;
} loaded;

static uint8_t *body(void) { return (uint8_t *)(uintptr_t)SRAM_BASE; }

/* Copies the slot's body to SRAM, and measures what then lies there while the flash reads on. */
static void load(uint8_t *measurement) {
    const uint32_t size = loaded.image.header.body_bytes;
    const volatile uint32_t *copy = (const volatile uint32_t *)body();
    bool answers = true;
    memset(measurement, 0, MEASUREMENT_BYTES);
    image_measure_begin(&loaded.image);
    for (uint32_t at = 0; at < size && answers;) {
        const uint32_t left = size - at, read = left < FLASH_LONGEST_READ ? left : FLASH_LONGEST_READ;
        answers = slot_read_begin(loaded.slot, HEADER_BYTES + at, read);
        hash_flush();
        for (const uint32_t end = at + read / 8 * 8; at < end && answers; at += 8, copy += 2) {
            answers = flash_read_take(body() + at, 8);
            hash_data_write(copy[0]);
            hash_data_write(copy[1]);
        }
        if (read % 8) {
            answers = answers && flash_read_take(body() + at, 4);
            hash_update(body() + at, 4);
            at += 4;
        }
    }
    image_measure_finish(&loaded.image, measurement);
}

/* Measures what lies in SRAM. */
static void measure(uint8_t *measurement) {
    memset(measurement, 0, MEASUREMENT_BYTES);
    image_measure_begin(&loaded.image);
    hash_update(body(), loaded.image.header.body_bytes);
    image_measure_finish(&loaded.image, measurement);
}

/* Counts what speaks against the image, but for its signature. Not inlined, so that its two calls share nothing. */
static __attribute__((noinline)) uint32_t refusals(const uint8_t *configuration) {
    uint32_t count = configuration_differences(configuration);
    count += loaded.image.protected_tlvs.map_hash != MAP_HASH;
    count += loaded.image.protected_tlvs.security_version < otp_security_floor_read();
    return count;
}

/* One whole verification of an image with this measurement. Returns HSS_VALID only if everything holds; computed, not
   decided. */
static uint32_t verdict(const uint8_t *measurement) {
    uint8_t configuration[CONFIGURATION_RECORD_BYTES];
    memset(configuration, 0, sizeof configuration);
    journal_get(JOURNAL_RECORD_CONFIGURATION, configuration, sizeof configuration);
    const uint32_t first = refusals(configuration) << FIRST_REFUSALS_SHIFT;
    const uint8_t *key = configuration + CONFIGURATION_FIRMWARE_KEY;
    const uint32_t signature = image_verify_signature(loaded.slot, &loaded.image, key, measurement);
    return signature ^ first ^ refusals(configuration) << SECOND_REFUSALS_SHIFT;
}

/* Which check a verdict failed. */
static uint32_t reason(void) {
    uint8_t configuration[CONFIGURATION_RECORD_BYTES];
    if (loaded.image.protected_tlvs.map_hash != MAP_HASH) return BOOT_ERROR_WRONG_CHIP;
    if (loaded.image.protected_tlvs.security_version < otp_security_floor_read()) return BOOT_ERROR_DOWNGRADE;
    if (!configuration_get(configuration)) return BOOT_ERROR_CONFIGURATION;
    if (!hss_key_is_valid(configuration + CONFIGURATION_FIRMWARE_KEY)) return BOOT_ERROR_KEY;
    return BOOT_ERROR_SIGNATURE;
}

uint32_t verify_slot(uint32_t slot, struct image *image, uint8_t *measurement) {
    verify_evidence[0] = verify_evidence[1] = 0;
    const uint32_t error = image_read(slot, &loaded.image);
    if (error) return error;
    loaded.slot = slot;
    *image = loaded.image;
    load(measurement);
    verify_evidence[0] = verdict(measurement);
    if (verify_evidence[0] != HSS_VALID) return reason();
    return verify_evidence[0] == HSS_VALID ? BOOT_ERROR_NONE : reason();
}

uint32_t verify_again(const uint8_t *measurement) {
    uint8_t again[MEASUREMENT_BYTES];
    const uint32_t size = loaded.image.header.body_bytes;
    memset(body() + size, 0, MAX_BODY_BYTES - size);
    measure(again);
    verify_evidence[1] = ~verdict(again);
    if (memcmp(again, measurement, sizeof again) != 0) return BOOT_ERROR_ALTERED;
    return ~verify_evidence[1] == HSS_VALID ? BOOT_ERROR_NONE : BOOT_ERROR_ALTERED;
}
