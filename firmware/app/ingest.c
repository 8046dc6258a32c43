#include "ingest.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <windows.h>

#include "bytes.h"
#include "timeout.h"

/* Gives a payload of whole words, wherever it stands, without a load for each byte. */
static void give_payload(const uint8_t *payload, uint32_t size) {
    const uint8_t *end = payload + size;
    const uint32_t shift = misalignment(payload);
    if (shift == 0) {
        for (; payload != end; payload += 4) ingest_data_write(load_aligned(payload));
        return;
    }
    uint32_t low = load_aligned(payload - shift / 8);
    for (payload += 4 - shift / 8; payload < end; payload += 4) {
        const uint32_t high = load_aligned(payload);
        ingest_data_write(low >> shift | high << (32 - shift));
        low = high;
    }
}

int ingest_record(uint32_t kind, uint32_t address, const uint8_t *payload, uint32_t size) {
    if (ingest_status_read() & INGEST_STATUS_ACTIVE_MASK) return CHIP_ERROR_HARDWARE;
    ingest_kind_write(kind);
    ingest_address_write(address);
    ingest_length_write(size);
    if (ingest_status_read() & INGEST_STATUS_WAITING_MASK) return CHIP_ERROR_BUSY;
    ingest_start_write(INGEST_START_START_MASK);
    if (ingest_status_read() & INGEST_STATUS_REJECTED_MASK) return CHIP_ERROR_HARDWARE;

    give_payload(payload, size);

    const uint64_t start = chip_ticks_read();
    while (ingest_status_read() & INGEST_STATUS_ACTIVE_MASK) {
        if (ticks_have_passed(start, INGEST_TICKS)) return CHIP_ERROR_HARDWARE;
    }
    return CHIP_ERROR_OK;
}
