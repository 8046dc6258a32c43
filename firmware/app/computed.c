#include "computed.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "bytes.h"
#include "journal.h"

static uint64_t ceiling;

void computed_initialise(void) {
    uint8_t record[8];
    ceiling = 0;
    if (journal_get(JOURNAL_RECORD_MACS, record, sizeof record) != sizeof record) return;
    ceiling = load_le64(record);
}

bool computed_reserve(void) {
    const uint64_t macs = counters_macs_read();
    if (macs + MACS_STEP / 2 <= ceiling) return true;
    const uint64_t raised = (macs + MACS_STEP / 2 + MACS_STEP) / MACS_STEP * MACS_STEP;
    uint8_t record[8];
    store_le64(record, raised);
    if (!journal_put(JOURNAL_RECORD_MACS, record, sizeof record)) return false;
    ceiling = raised;
    return true;
}

void computed_poll(void) {
    if (accelerator_status_read() & ACCELERATOR_STATUS_BUSY_MASK) computed_reserve();
}
