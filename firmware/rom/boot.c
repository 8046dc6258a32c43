#include "boot.h"

#include <livetrap_csr.h>
#include <stdbool.h>

#include "bytes.h"
#include "configuration.h"
#include "flash.h"
#include "handoff.h"
#include "journal.h"
#include "lms.h"
#include "log.h"
#include "made_statement.h"
#include "recovery.h"
#include "report.h"
#include "runtime.h"
#include "timeout.h"
#include "verify.h"

/* Bounds on what the hardware does: reading the fuses; deriving the key and zeroising memory; signing a statement. */
#define FUSES_TICKS (1u << 12)
#define IDENTITY_TICKS (1u << 14)
#define STATEMENT_TICKS (1u << 15)

#define STATEMENT_SLOT_WORDS 16

extern struct handoff linker_handoff;

_Noreturn void rom_boot(void);

/* Starts what verify_slot and verify_again found to be good, and nothing else (reset.S). */
_Noreturn void rom_start(const struct handoff *handoff);

/* Waits until the bits of a register that `mask` names are `value`. Returns false when it is not so in time. */
static bool await(uint32_t address, uint32_t mask, uint32_t value, uint32_t ticks) {
    const uint64_t start = chip_ticks_read();
    for (;;) {
        const bool is_late = ticks_have_passed(start, ticks);
        if ((*(const volatile uint32_t *)address & mask) == value) return true;
        if (is_late) return false;
    }
}

/* How a slot's image comes to be started; the lower the sooner. */
enum standing { TO_BE_TRIED, CONFIRMED, TRIED_IN_VAIN, NOT_TO_BE_STARTED };

static enum standing standing_of(uint32_t slot) {
    if (slot_flag(slot, TRAILER_REFUSED)) return NOT_TO_BE_STARTED;
    if (slot_flag(slot, TRAILER_CONFIRMED)) return CONFIRMED;
    if (slot_flag(slot, TRAILER_TRIED)) return TRIED_IN_VAIN;
    return slot_flag(slot, TRAILER_PENDING) ? TO_BE_TRIED : NOT_TO_BE_STARTED;
}

/* The boot so far. image, standing: of the slots whose images have their form. */
static struct {
    struct boot_errors errors;
    struct image image[SLOTS];
    enum standing standing[SLOTS];
    uint8_t configuration[CONFIGURATION_RECORD_BYTES];
} state;

/* Looks at both slots. Returns the one to try first. */
static uint32_t order_slots(void) {
    const enum standing *standing = state.standing;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        const uint32_t error = image_read(slot, &state.image[slot]);
        state.standing[slot] = error ? NOT_TO_BE_STARTED : standing_of(slot);
        state.errors.slot[slot] = !error && standing[slot] > CONFIRMED ? BOOT_ERROR_NOT_CONFIRMED : error;
    }
    if (standing[SLOT_A] != standing[SLOT_B]) return standing[SLOT_A] < standing[SLOT_B] ? SLOT_A : SLOT_B;
    if (standing[SLOT_A] == NOT_TO_BE_STARTED) return SLOT_A;
    return image_compare(&state.image[SLOT_B], &state.image[SLOT_A]) > 0 ? SLOT_B : SLOT_A;
}

/* Finds the image to start, and describes it in the handoff. Returns NONE or NO_IMAGE. */
static uint32_t choose(struct handoff *handoff) {
    const uint32_t first = order_slots();
    for (uint32_t turn = 0; turn < SLOTS; turn++) {
        const uint32_t slot = turn ? SLOT_A + SLOT_B - first : first;
        if (state.standing[slot] == NOT_TO_BE_STARTED) continue;
        const uint32_t error = verify_slot(slot, &state.image[slot], handoff->measurement);
        state.errors.slot[slot] = error;
        if (error == BOOT_ERROR_NONE && verify_evidence[0] == HSS_VALID) {
            handoff->security_version = state.image[slot].protected_tlvs.security_version;
            handoff->slot = slot;
            handoff->confirmed = state.standing[slot] == CONFIRMED;
            return BOOT_ERROR_NONE;
        }
        /* Not again at every boot; what is confirmed may be in order at the next one. */
        if (state.standing[slot] == TO_BE_TRIED) slot_set_flag(slot, TRAILER_REFUSED);
    }
    return BOOT_ERROR_NO_IMAGE;
}

/* After a power-on, the chip's life goes on where the log ends. */
static void restore_life(void) {
    if (boot_status_read() & BOOT_STATUS_RESTORED_MASK) return;
    const struct log_state *life = log_recovered();
    boot_restore_index_write(0);
    boot_restore_data_write((uint32_t)life->seq);
    boot_restore_data_write((uint32_t)(life->seq >> 32));
    boot_restore_data_write(life->bootcount + 1);
    boot_restore_data_write((uint32_t)life->macs);
    boot_restore_data_write((uint32_t)(life->macs >> 32));
    for (uint32_t at = 0; at < sizeof life->chain; at += 4) boot_restore_data_write(load_le32(life->chain + at));
    boot_restore_write(BOOT_RESTORE_COMMIT_MASK);
}

/* Returns whether statements can go on where the log ends: it can be recovered, and has the last that was made. */
static bool recover_log(void) {
    if (!log_initialise()) return false;
    restore_life();
    if (!await(STATEMENT_STATUS_ADDRESS, STATEMENT_STATUS_BUSY_MASK, 0, STATEMENT_TICKS)) return false;
    return made_statement_recover();
}

/* Measurement, security version, hold mode and errors: none of them changes afterwards, until reset. */
static bool lock(const struct handoff *handoff, uint32_t error) {
    const bool holds = load_le32(state.configuration + CONFIGURATION_LOG_MODE) == LOG_MODE_SERVER;
    const uint8_t *measurement = handoff->measurement;
    for (uint32_t at = 0; at < MEASUREMENT_BYTES; at += 4) chip_measurement_write(load_le32(measurement + at));
    chip_security_version_write(handoff->security_version);
    boot_slot_a_write(state.errors.slot[SLOT_A]);
    boot_slot_b_write(state.errors.slot[SLOT_B]);
    boot_error_write(error);
    boot_hold_mode_write(holds ? BOOT_HOLD_MODE_ENABLE_MASK : 0);
    chip_lock_write(CHIP_LOCK_MEASUREMENT_MASK);
    return chip_status_read() & CHIP_STATUS_MEASURED_MASK;
}

/* The application puts it into the log. A log that has no room for it has none for any other; a chip whose entropy
   source has failed signs nothing, and shows what it has. */
static bool make_boot_statement(void) {
    const uint32_t identified = CHIP_STATUS_PROVISIONED_MASK | CHIP_STATUS_DERIVED_MASK | CHIP_STATUS_CLEARED_MASK;
    if (log_is_exhausted()) return true;
    if (!await(CHIP_STATUS_ADDRESS, identified, identified, IDENTITY_TICKS)) return false;
    statement_slot_index_write(0);
    for (uint32_t word = 0; word < STATEMENT_SLOT_WORDS; word++) statement_slot_data_write(0);
    statement_request_write(KIND_BOOT);
    if (!await(STATEMENT_STATUS_ADDRESS, STATEMENT_STATUS_BUSY_MASK, 0, STATEMENT_TICKS)) return false;
    const uint32_t status = statement_status_read();
    if (status & STATEMENT_STATUS_REFUSED_MASK) return chip_status_read() & CHIP_STATUS_ENTROPY_FAILED_MASK;
    return status & STATEMENT_STATUS_VALID_MASK;
}

/* Returns why nothing can be started. */
static uint32_t boot(void) {
    struct handoff *handoff = &linker_handoff;
    const uint32_t loaded = OTP_STATUS_LOADED_MASK;
    if (chip_map_hash_read() != MAP_HASH) return BOOT_ERROR_MAP;
    if (!await(OTP_STATUS_ADDRESS, loaded, loaded, FUSES_TICKS)) return BOOT_ERROR_FUSES;
    if (!flash_initialise()) return BOOT_ERROR_FLASH;
    journal_initialise();
    if (otp_lifecycle_read() == LIFECYCLE_RAW) return BOOT_ERROR_NOT_PROVISIONED;
    if (!configuration_get(state.configuration)) return BOOT_ERROR_CONFIGURATION;
    const uint32_t error = choose(handoff);
    if (error) return error;
    if (verify_evidence[0] != HSS_VALID) return BOOT_ERROR_NO_IMAGE;
    const bool has_log = recover_log();
    const bool is_trial = state.standing[handoff->slot] == TO_BE_TRIED;
    if (is_trial && !slot_set_flag(handoff->slot, TRAILER_TRIED)) return BOOT_ERROR_FLASH;
    if (verify_again(handoff->measurement)) return BOOT_ERROR_ALTERED;
    if (!lock(handoff, has_log ? BOOT_ERROR_NONE : BOOT_ERROR_LOG)) return BOOT_ERROR_LOCK;
    if (has_log && !make_boot_statement()) return BOOT_ERROR_STATEMENT;
    rom_start(handoff);
}

_Noreturn void rom_boot(void) {
    state.errors.boot = boot();
    boot_error_write(state.errors.boot);
    boot_slot_a_write(state.errors.slot[SLOT_A]);
    boot_slot_b_write(state.errors.slot[SLOT_B]);
    rom_report_errors(&state.errors);
    recovery_run(&state.errors);
}
