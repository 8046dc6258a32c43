#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "commands.h"
#include "confirmation.h"
#include "fuses.h"
#include "journal.h"
#include "log.h"

static const struct handoff *handoff;

void boot_commands_initialise(const struct handoff *from_rom) { handoff = from_rom; }

int command_boot(const struct request *request, struct cbor_writer *response) {
    (void)request;
    cbor_put_map(response, 9);
    cbor_put_pair(response, "recovery", 0);
    cbor_put_pair(response, "error", boot_error_read());
    cbor_put_pair(response, "slot_a", boot_slot_a_read());
    cbor_put_pair(response, "slot_b", boot_slot_b_read());
    cbor_put_pair(response, "slot", handoff->slot);
    cbor_put_pair(response, "lifecycle", otp_lifecycle_read());
    cbor_put_pair(response, "floor", otp_security_floor_read());
    cbor_put_pair(response, "confirmed", confirmation_is_done());
    cbor_put_pair(response, "entropy", chip_status_read() & CHIP_STATUS_ENTROPY_FAILED_MASK ? 1 : 0);
    return CHIP_ERROR_OK;
}

int command_configuration(const struct request *request, struct cbor_writer *response) {
    uint8_t record[CONFIGURATION_RECORD_BYTES];
    (void)request;
    if (journal_get(JOURNAL_RECORD_CONFIGURATION, record, sizeof record) != sizeof record) return CHIP_ERROR_NOT_FOUND;
    cbor_put_map(response, 1);
    cbor_put_key(response, "data");
    cbor_put_bytes(response, record, sizeof record);
    return CHIP_ERROR_OK;
}

int command_lifecycle(const struct request *request, struct cbor_writer *response) {
    const uint64_t state = request->field[FIELD_STATE].number;
    if (state < LIFECYCLE_DEVELOPMENT || state > LIFECYCLE_RETIRED) return CHIP_ERROR_OUT_OF_RANGE;
    if (state <= otp_lifecycle_read()) return CHIP_ERROR_ALREADY_SET;
    const uint32_t fuses = (1u << state) - 1;
    /* A burn that did not end in time may be under way. */
    if (!fuses_await()) return CHIP_ERROR_HARDWARE;
    if (!fuses_burn(LIFECYCLE_OFFSET, fuses) || otp_lifecycle_read() != state) return CHIP_ERROR_HARDWARE;
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}

int command_event(const struct request *request, struct cbor_writer *response) {
    const uint64_t index = request->field[FIELD_INDEX].number;
    struct log_event event;
    if (index > UINT32_MAX || !log_event_read((uint32_t)index, &event)) return CHIP_ERROR_NOT_FOUND;
    cbor_put_map(response, 5);
    cbor_put_pair(response, "event", event.event);
    cbor_put_pair(response, "detail", event.detail);
    cbor_put_pair(response, "boot", event.bootcount);
    cbor_put_pair(response, "ticks", event.ticks);
    cbor_put_pair(response, "count", log_events());
    return CHIP_ERROR_OK;
}
