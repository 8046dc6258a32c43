#include "rom_model.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>

#include "bytes.h"
#include "configuration.h"
#include "flash.h"
#include "journal.h"
#include "log.h"
#include "made_statement.h"
#include "slots.h"

#define STATEMENT_READS (1u << 14)

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

static bool recover_log(void) {
    if (!log_initialise()) return false;
    restore_life();
    return made_statement_recover();
}

static void lock(uint32_t error) {
    uint8_t record[CONFIGURATION_RECORD_BYTES];
    const bool is_configured = configuration_get(record);
    const bool holds = is_configured && load_le32(record + CONFIGURATION_LOG_MODE) == LOG_MODE_SERVER;
    boot_slot_a_write(BOOT_ERROR_NONE);
    boot_slot_b_write(BOOT_ERROR_EMPTY);
    boot_error_write(error);
    boot_hold_mode_write(holds ? BOOT_HOLD_MODE_ENABLE_MASK : 0);
    chip_lock_write(CHIP_LOCK_MEASUREMENT_MASK);
}

static void make_boot_statement(void) {
    if (log_is_exhausted()) return;
    statement_slot_index_write(0);
    for (uint32_t word = 0; word < 16; word++) statement_slot_data_write(0);
    statement_request_write(KIND_BOOT);
    for (uint32_t read = 0; read < STATEMENT_READS; read++) {
        if (!(statement_status_read() & STATEMENT_STATUS_BUSY_MASK)) return;
    }
}

void rom_boot_model(struct handoff *handoff) {
    flash_initialise();
    journal_initialise();
    const bool has_log = recover_log();
    handoff->confirmed = slot_flag(handoff->slot, TRAILER_CONFIRMED);
    if (!handoff->confirmed && slot_flag(handoff->slot, TRAILER_PENDING)) slot_set_flag(handoff->slot, TRAILER_TRIED);
    lock(has_log ? BOOT_ERROR_NONE : BOOT_ERROR_LOG);
    if (has_log) make_boot_statement();
}
