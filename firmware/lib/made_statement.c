#include "made_statement.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <windows.h>

#include "bytes.h"
#include "log.h"

bool made_statement_append(uint64_t seq) {
    static uint8_t statement[STATEMENT_BYTES];
    for (uint32_t offset = 0; offset < STATEMENT_BYTES; offset += 4) {
        store_le32(statement + offset, window_read(STATEMENT_BASE, offset));
    }
    return log_append_statement(seq, statement);
}

bool made_statement_recover(void) {
    const uint64_t next = chip_seq_read();
    if (log_next() == next) return true;
    const bool is_there = statement_status_read() & STATEMENT_STATUS_VALID_MASK;
    return is_there && log_next() + 1 == next && made_statement_append(log_next());
}
