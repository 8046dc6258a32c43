#include "truncation.h"

#include <livetrap_formats.h>
#include <stdbool.h>

#include "bytes.h"
#include "configuration.h"
#include "countersignature.h"
#include "hash.h"
#include "journal.h"
#include "log.h"
#include "runtime.h"

#define CHAIN_BYTES 32
#define RECORD_BYTES (8 + CHAIN_BYTES)

static const uint8_t approval_payload[] = APPROVAL_PAYLOAD;

/* The first statement that the log still has to hold; 0 when nothing was truncated. */
static uint64_t kept_from(void) {
    uint8_t record[RECORD_BYTES];
    const uint32_t size = journal_get(JOURNAL_RECORD_TRUNCATED, record, sizeof record);
    return size == sizeof record ? load_le64(record) : 0;
}

void truncation_initialise(void) { log_truncate(kept_from()); }

static bool put(uint64_t seq, const uint8_t *chain) {
    uint8_t record[RECORD_BYTES];
    store_le64(record, seq);
    memcpy(record + 8, chain, CHAIN_BYTES);
    return journal_put(JOURNAL_RECORD_TRUNCATED, record, sizeof record);
}

/* The chain before a statement that is in the log, or before the next. */
static bool find_chain(uint64_t seq, uint8_t *chain) {
    static uint8_t statement[STATEMENT_BYTES];
    if (seq == log_next()) {
        memcpy(chain, log_recovered()->chain, CHAIN_BYTES);
        return true;
    }
    if (!log_read(seq, statement)) return false;
    memcpy(chain, statement + CLAIM_CHAIN_OFFSET, CHAIN_BYTES);
    return true;
}

int truncation_carry_out(const uint8_t *approval, uint32_t size, uint8_t *digest) {
    uint8_t expected[sizeof approval_payload];
    const uint8_t *payload = countersignature_payload(approval, size, sizeof approval_payload);
    if (!payload) return CHIP_ERROR_UNSIGNED;
    const uint64_t seq = load_be64(payload + APPROVAL_SEQ_OFFSET);
    memcpy(expected, approval_payload, sizeof expected);
    identity_ueid(expected + APPROVAL_UEID_OFFSET);
    store_be64(expected + APPROVAL_SEQ_OFFSET, seq);
    if (!find_chain(seq, expected + APPROVAL_CHAIN_OFFSET)) return CHIP_ERROR_NOT_FOUND;
    if (!countersignature_holds(approval, size, expected, sizeof expected)) return CHIP_ERROR_UNSIGNED;

    hash_begin_turboshake128(DOMAIN_APPROVAL);
    hash_update(approval, size);
    hash_finish(digest);
    /* An earlier one, repeated, must not take back what recovery knows of later statements. */
    if (seq > kept_from() && !put(seq, expected + APPROVAL_CHAIN_OFFSET)) return CHIP_ERROR_HARDWARE;
    return log_truncate(seq) ? CHIP_ERROR_OK : CHIP_ERROR_HARDWARE;
}
