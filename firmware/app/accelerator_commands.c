#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "bytes.h"
#include "commands.h"
#include "computed.h"
#include "evidence.h"
#include "ingest.h"
#include "receipts.h"

/* In the order of formats/descriptor.py's Run. */
static const enum request_field run_fields[] = {FIELD_COUNT, FIELD_ITERATIONS, FIELD_OPEN, FIELD_END};

#define RUN_FIELDS (sizeof run_fields / sizeof run_fields[0])

int command_run(const struct request *request, struct cbor_writer *response) {
    const uint64_t address = request->field[FIELD_ADDR].number;
    uint8_t payload[4 * RUN_FIELDS];
    if (address > UINT32_MAX) return CHIP_ERROR_OUT_OF_RANGE;
    if (address % 8) return CHIP_ERROR_MISALIGNED;
    for (uint32_t index = 0; index < RUN_FIELDS; index++) {
        const uint64_t value = request->field[run_fields[index]].number;
        if (value > UINT32_MAX) return CHIP_ERROR_OUT_OF_RANGE;
        store_le32(payload + 4 * index, (uint32_t)value);
    }
    if (accelerator_status_read() & ACCELERATOR_STATUS_STOPPED_MASK) return CHIP_ERROR_STOPPED;
    int error = evidence_work_readiness();
    if (!error && receipts_are_missing()) error = CHIP_ERROR_HELD;
    if (!error && !computed_reserve()) error = CHIP_ERROR_HARDWARE;
    if (!error) error = ingest_record(RECORD_RUN, (uint32_t)address, payload, sizeof payload);
    if (error) return error;
    cbor_put_map(response, 1);
    cbor_put_pair(response, "records", ingest_records_read());
    return CHIP_ERROR_OK;
}

int command_accelerator_read(const struct request *request, struct cbor_writer *response) {
    (void)request;
    const uint32_t status = accelerator_status_read();
    cbor_put_map(response, 5);
    cbor_put_pair(response, "busy", status & ACCELERATOR_STATUS_BUSY_MASK ? 1 : 0);
    cbor_put_pair(response, "error", (status & ACCELERATOR_STATUS_ERROR_MASK) >> ACCELERATOR_STATUS_ERROR_SHIFT);
    cbor_put_pair(response, "at", accelerator_error_address_read());
    cbor_put_pair(response, "busy_cycles", accelerator_busy_cycles_read());
    cbor_put_pair(response, "stall_cycles", accelerator_stall_cycles_read());
    return CHIP_ERROR_OK;
}

int command_accelerator_write(const struct request *request, struct cbor_writer *response) {
    (void)request;
    if (accelerator_status_read() & ACCELERATOR_STATUS_BUSY_MASK) return CHIP_ERROR_BUSY;
    accelerator_control_write(ACCELERATOR_CONTROL_CLEAR_MASK);
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}
