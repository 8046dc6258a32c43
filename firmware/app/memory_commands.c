#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <windows.h>

#include "bytes.h"
#include "commands.h"
#include "evidence.h"
#include "ingest.h"
#include "log.h"

/* Returns CHIP_ERROR_OK when the bytes are an acceptable part of accelerator memory or its image. */
static int check_range(uint64_t offset, uint64_t size) {
    if (size > CHUNK_BYTES) return CHIP_ERROR_TOO_LARGE;
    if ((offset | size) % 8) return CHIP_ERROR_MISALIGNED;
    if (size == 0 || offset >= WEIGHTS_SIZE || size > WEIGHTS_SIZE - offset) return CHIP_ERROR_OUT_OF_RANGE;
    return CHIP_ERROR_OK;
}

/* Whole words of a window to any address, without a store for each byte. */
static void copy_from_window(uint8_t *destination, window_base base, uint32_t offset, uint32_t size) {
    const uint32_t shift = misalignment(destination);
    uint8_t *aligned = destination - shift / 8;
    uint32_t low = load_aligned(aligned) & ((1u << shift) - 1);
    for (const uint32_t end = offset + size; offset != end; offset += 4, aligned += 4) {
        const uint32_t word = window_read(base, offset);
        store_aligned(aligned, low | word << shift);
        low = word >> 1 >> (31 - shift);
    }
    for (uint32_t left = shift; left; left -= 8, low >>= 8) *aligned++ = (uint8_t)low;
}

static bool is_zero(window_base base, uint32_t offset, uint32_t size) {
    for (const uint32_t end = offset + size; offset != end; offset += 4) {
        if (window_read(base, offset)) return false;
    }
    return true;
}

/* Writes "data" with the bytes of a window, or "zeros" with their number when all are zero. */
static void put_chunk(struct cbor_writer *response, window_base base, uint32_t offset, uint32_t size) {
    if (is_zero(base, offset, size)) {
        cbor_put_pair(response, "zeros", size);
        return;
    }
    cbor_put_key(response, "data");
    uint8_t *destination = cbor_reserve_bytes(response, size);
    if (destination) copy_from_window(destination, base, offset, size);
}

/* Returns NOT_FOUND, or SUPERSEDED when the statement is that of a snapshot. */
static int without_image(uint64_t seq) {
    static uint8_t statement[STATEMENT_BYTES];
    const bool is_snapshot = log_read(seq, statement) && statement[CLAIM_KIND_OFFSET] == KIND_SNAPSHOT;
    return is_snapshot ? CHIP_ERROR_SUPERSEDED : CHIP_ERROR_NOT_FOUND;
}

int command_page(const struct request *request, struct cbor_writer *response) {
    const uint64_t seq = request->field[FIELD_SEQ].number;
    const uint64_t offset = request->field[FIELD_OFF].number, size = request->field[FIELD_LEN].number;
    const int error = check_range(offset, size);
    if (error) return error;
    if (!evidence_image_is_of(seq)) return without_image(seq);
    cbor_put_map(response, 2);
    cbor_put_pair(response, "off", offset);
    put_chunk(response, IMAGE_BASE, (uint32_t)offset, (uint32_t)size);
    /* A capture that began meanwhile may have changed the image under the copy. */
    return evidence_image_is_of(seq) ? CHIP_ERROR_OK : CHIP_ERROR_SUPERSEDED;
}

int command_memory_read(const struct request *request, struct cbor_writer *response) {
    const uint64_t address = request->field[FIELD_ADDR].number, size = request->field[FIELD_LEN].number;
    const int error = check_range(address, size);
    if (error) return error;
    cbor_put_map(response, 2);
    cbor_put_pair(response, "addr", address);
    put_chunk(response, WEIGHTS_BASE, (uint32_t)address, (uint32_t)size);
    return CHIP_ERROR_OK;
}

static int take_in(uint32_t kind, uint32_t address, const uint8_t *payload, uint32_t size,
                   struct cbor_writer *response) {
    int error = evidence_work_readiness();
    if (!error) error = ingest_record(kind, address, payload, size);
    if (error) return error;
    cbor_put_map(response, 1);
    cbor_put_pair(response, "records", ingest_records_read());
    return CHIP_ERROR_OK;
}

int command_memory_write(const struct request *request, struct cbor_writer *response) {
    const uint64_t address = request->field[FIELD_ADDR].number, size = request->field[FIELD_DATA].number;
    const int error = check_range(address, size);
    if (error) return error;
    return take_in(RECORD_WRITE, (uint32_t)address, request->field[FIELD_DATA].bytes, (uint32_t)size, response);
}

int command_trigger_read(const struct request *request, struct cbor_writer *response) {
    (void)request;
    cbor_put_map(response, 1);
    cbor_put_pair(response, "rate", trigger_rate_read());
    return CHIP_ERROR_OK;
}

int command_trigger_write(const struct request *request, struct cbor_writer *response) {
    const uint64_t rate = request->field[FIELD_RATE].number;
    uint8_t payload[8];
    store_le32(payload, (uint32_t)rate);
    store_le32(payload + 4, (uint32_t)(rate >> 32));
    return take_in(RECORD_TRIGGER_RATE, 0, payload, sizeof payload, response);
}
