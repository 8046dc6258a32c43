#include "provision.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>

#include "configuration.h"
#include "journal.h"
#include "runtime.h"
#include "timeout.h"

/* Bounds on burning a byte, and on the first words of the entropy source with their burning. */
#define BURN_TICKS (1u << 14)
#define KEY_TICKS (1u << 18)

#define DEVELOPMENT_FUSES ((1u << LIFECYCLE_DEVELOPMENT) - 1)

/* Waits for the end of what was asked of the fuses. Returns false if it was refused, or does not end in time. */
static bool await_fuses(uint32_t ticks) {
    const uint64_t start = chip_ticks_read();
    for (;;) {
        const bool is_late = ticks_have_passed(start, ticks);
        const uint32_t status = otp_status_read();
        if (!(status & OTP_STATUS_BUSY_MASK)) return !(status & OTP_STATUS_REFUSED_MASK);
        if (is_late) return false;
    }
}

static bool burn_byte(uint32_t address, uint32_t bits) {
    if (!bits) return true;
    otp_burn_write(address << OTP_BURN_ADDRESS_SHIFT | bits << OTP_BURN_DATA_SHIFT);
    return await_fuses(BURN_TICKS);
}

static bool burn(uint32_t address, const uint8_t *bytes, uint32_t size) {
    for (uint32_t index = 0; index < size; index++) {
        if (!burn_byte(address + index, bytes[index])) return false;
    }
    return true;
}

static bool has_other_bits(const uint8_t *fused, const uint8_t *wanted, uint32_t size) {
    uint8_t other = 0;
    for (uint32_t index = 0; index < size; index++) other |= (uint8_t)(fused[index] & ~wanted[index]);
    return other != 0;
}

static bool generate_key(void) {
    if (otp_status_read() & OTP_STATUS_KEYED_MASK) return true;
    otp_generate_key_write(OTP_GENERATE_KEY_START_MASK);
    return await_fuses(KEY_TICKS);
}

int provision(const uint8_t *chip_id, const uint8_t *configuration) {
    uint8_t digest[CONFIGURATION_BYTES], fused_id[CHIP_ID_BYTES], fused_digest[CONFIGURATION_BYTES];
    if (!configuration_is_well_formed(configuration)) return CHIP_ERROR_MALFORMED;
    configuration_digest(configuration, digest);
    identity_get(IDENTITY_CHIP_ID, CHIP_ID_BYTES / 4, fused_id);
    identity_get(IDENTITY_CONFIGURATION, CONFIGURATION_BYTES / 4, fused_digest);
    if (otp_lifecycle_read() != LIFECYCLE_RAW) {
        const bool has_id = memcmp(fused_id, chip_id, CHIP_ID_BYTES) == 0;
        return has_id && memcmp(fused_digest, digest, sizeof digest) == 0 ? CHIP_ERROR_OK : CHIP_ERROR_ALREADY_SET;
    }
    if (has_other_bits(fused_id, chip_id, CHIP_ID_BYTES)) return CHIP_ERROR_ALREADY_SET;
    if (has_other_bits(fused_digest, digest, sizeof digest)) return CHIP_ERROR_ALREADY_SET;
    if (!journal_put(JOURNAL_RECORD_CONFIGURATION, configuration, CONFIGURATION_RECORD_BYTES)) return CHIP_ERROR_HARDWARE;
    if (!burn(CHIP_ID_OFFSET, chip_id, CHIP_ID_BYTES)) return CHIP_ERROR_HARDWARE;
    if (!burn(CONFIGURATION_OFFSET, digest, sizeof digest)) return CHIP_ERROR_HARDWARE;
    return generate_key() && burn_byte(LIFECYCLE_OFFSET, DEVELOPMENT_FUSES) ? CHIP_ERROR_OK : CHIP_ERROR_HARDWARE;
}
