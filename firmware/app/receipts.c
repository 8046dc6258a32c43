#include "receipts.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "bytes.h"
#include "configuration.h"
#include "countersignature.h"
#include "evidence.h"
#include "hash.h"
#include "journal.h"
#include "log.h"
#include "runtime.h"

static const uint8_t receipt_payload[] = RECEIPT_PAYLOAD;

/* next: statements before it have their receipts or need none. awaited: statement `next` is a snapshot without one. */
static struct {
    bool enabled, awaited;
    uint64_t next;
} receipts;

static uint8_t statement[STATEMENT_BYTES];

/* What was truncated had a Verifier's approval. */
static void skip_truncated(void) {
    if (receipts.next >= log_first()) return;
    receipts.next = log_first();
    receipts.awaited = false;
}

void receipts_initialise(void) {
    uint8_t record[8];
    memset(&receipts, 0, sizeof receipts);
    receipts.enabled = countersignature_log_mode() == LOG_MODE_SERVER;
    if (journal_get(JOURNAL_RECORD_RECEIPTED, record, sizeof record) == sizeof record) {
        receipts.next = load_le64(record);
    }
    skip_truncated();
}

bool receipts_are_missing(void) {
    return receipts.enabled && (receipts.awaited || receipts.next < log_next() || !evidence_captures_are_stated());
}

void receipts_poll(void) {
    if (!receipts.enabled) return;
    skip_truncated();
    if (receipts.awaited) return;
    if (receipts.next < log_next()) {
        /* A statement that cannot be read is awaited too: nothing is skipped. */
        const bool is_read = log_read(receipts.next, statement);
        if (is_read && statement[CLAIM_KIND_OFFSET] != KIND_SNAPSHOT) {
            receipts.next++;
        } else {
            receipts.awaited = true;
        }
    } else if (evidence_captures_are_stated() && (accelerator_status_read() & ACCELERATOR_STATUS_HELD_MASK)) {
        accelerator_control_write(ACCELERATOR_CONTROL_RELEASE_MASK);
    }
}

bool receipts_oldest(uint64_t *seq) {
    *seq = receipts.next;
    return receipts.enabled && receipts.awaited;
}

int receipts_take(const uint8_t *receipt, uint32_t size) {
    uint8_t expected[sizeof receipt_payload], record[8];
    uint64_t seq;
    if (!receipts_oldest(&seq) || !log_read(seq, statement)) return CHIP_ERROR_NOT_FOUND;
    memcpy(expected, receipt_payload, sizeof expected);
    identity_ueid(expected + RECEIPT_UEID_OFFSET);
    store_be64(expected + RECEIPT_SEQ_OFFSET, seq);
    hash_begin_turboshake128(DOMAIN_CHAIN);
    hash_update(statement, STATEMENT_BYTES);
    hash_finish(expected + RECEIPT_DIGEST_OFFSET);
    if (!countersignature_holds(receipt, size, expected, sizeof expected)) return CHIP_ERROR_UNSIGNED;

    store_le64(record, seq + 1);
    if (!journal_put(JOURNAL_RECORD_RECEIPTED, record, sizeof record)) return CHIP_ERROR_HARDWARE;
    receipts.next = seq + 1;
    receipts.awaited = false;
    return CHIP_ERROR_OK;
}
