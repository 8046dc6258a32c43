#include "evidence.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <windows.h>

#include "bytes.h"
#include "log.h"
#include "request.h"
#include "runtime.h"
#include "timeout.h"

#define NONCE_SLOT_INDEX 0
#define SLOT_WORDS 16

enum state {
    /* Since `start`, for identity, zeroised memory, and an end of what the signer did before a warm reset. */
    AWAITING_IDENTITY,
    IDLE,
    /* A statement of `kind`, requested at `start`. */
    MAKING,
};

/* asked: kind of statement that somebody awaits, 0 if none, since `asked_start`. answering: the statement being
   made is that one. image_*: the statement whose image is in IMAGE, and the count of captures that it is.
   boot_made, boot_overdue, boot_failed: the boot statement is in the log, not within its time, or refused. */
static struct {
    enum state state;
    uint64_t start, asked_start;
    uint32_t kind, asked;
    bool answering, boot_made, boot_overdue, boot_failed, has_image;
    int outcome;
    uint64_t seq, outcome_seq, image_seq;
    uint32_t image_captures, captures_at_request;
    uint8_t nonce[NONCE_BYTES], digest[NONCE_BYTES];
} evidence;

void evidence_initialise(void) {
    memset(&evidence, 0, sizeof evidence);
    evidence.outcome = EVIDENCE_PENDING;
    evidence.start = chip_ticks_read();
    log_initialise(chip_seq_read());
}

bool evidence_boot_is_over(void) { return evidence.boot_made || evidence.boot_overdue || evidence.boot_failed; }

bool evidence_is_idle(void) { return evidence.state != MAKING; }

bool evidence_has_identity(void) {
    const uint32_t needed = CHIP_STATUS_PROVISIONED_MASK | CHIP_STATUS_DERIVED_MASK;
    return (chip_status_read() & needed) == needed;
}

int evidence_readiness(void) {
    if (!evidence_has_identity()) return CHIP_ERROR_NOT_PROVISIONED;
    if (!evidence.boot_made) return CHIP_ERROR_HARDWARE;
    return log_is_full() ? CHIP_ERROR_LOG_FULL : CHIP_ERROR_OK;
}

static void keep(uint8_t *kept, const uint8_t *given) {
    if (given) {
        memcpy(kept, given, NONCE_BYTES);
    } else {
        memset(kept, 0, NONCE_BYTES);
    }
}

static void ask(uint32_t kind, const uint8_t *nonce, const uint8_t *digest) {
    keep(evidence.nonce, nonce);
    keep(evidence.digest, digest);
    evidence.asked = kind;
    evidence.asked_start = chip_ticks_read();
    evidence.outcome = EVIDENCE_PENDING;
}

void evidence_attest(const uint8_t *nonce) { ask(KIND_HEAD, nonce, NULL); }

void evidence_precommit(const uint8_t *digest) { ask(KIND_PRECOMMIT, NULL, digest); }

void evidence_snapshot(const uint8_t *nonce) {
    ask(KIND_SNAPSHOT, nonce, NULL);
    snapshot_request_write(nonce ? CAUSE_CHALLENGE : CAUSE_HOST);
}

int evidence_outcome(uint64_t *seq) {
    *seq = evidence.outcome_seq;
    return evidence.outcome;
}

static void answer(int outcome) {
    evidence.outcome = outcome;
    evidence.outcome_seq = evidence.seq;
    evidence.asked = 0;
    evidence.answering = false;
}

/* answering: it is the one that was asked for; then it carries the nonce and the digest. A head's digest is zeros, for the
   chain covers the log; a snapshot's is the hardware's. */
static void make(uint32_t kind, bool answering) {
    evidence.kind = kind;
    evidence.answering = answering;
    evidence.seq = chip_seq_read();
    evidence.captures_at_request = snapshot_captures_read();
    statement_slot_index_write(NONCE_SLOT_INDEX);
    for (uint32_t word = 0; word < SLOT_WORDS; word++) {
        const uint32_t offset = 4 * word % NONCE_BYTES;
        const uint8_t *slot = word < NONCE_BYTES / 4 ? evidence.nonce : evidence.digest;
        statement_slot_data_write(answering ? load_le32(slot + offset) : 0);
    }
    statement_request_write(kind);
    evidence.start = chip_ticks_read();
    evidence.state = MAKING;
}

static void append_statement(uint64_t seq) {
    uint8_t *statement = log_prepare();
    for (uint32_t offset = 0; offset < STATEMENT_BYTES; offset += 4) {
        store_aligned(statement + offset, window_read(STATEMENT_BASE, offset));
    }
    log_append(seq);
}

/* A warm reset may have come after a statement was made and before it was in the log. */
static void recover_statement(void) {
    const uint64_t made = chip_seq_read();
    const bool is_there = statement_status_read() & STATEMENT_STATUS_VALID_MASK;
    const bool is_missing = log_is_empty() || log_next() + 1 == made;
    if (is_there && is_missing && !log_is_full()) append_statement(made - 1);
}

static void poll_identity(void) {
    const bool is_cleared = chip_status_read() & CHIP_STATUS_CLEARED_MASK;
    const bool is_busy = statement_status_read() & STATEMENT_STATUS_BUSY_MASK;
    if (!is_cleared || is_busy || !evidence_has_identity()) {
        if (ticks_have_passed(evidence.start, EVIDENCE_IDENTITY_TICKS)) evidence.boot_overdue = true;
        return;
    }
    recover_statement();
    if (log_is_full()) {
        evidence.boot_made = true;
        evidence.state = IDLE;
    } else {
        evidence.boot_overdue = false;
        make(KIND_BOOT, false);
    }
}

static void poll_idle(void) {
    const bool is_captured = snapshot_status_read() & SNAPSHOT_STATUS_DONE_MASK;
    if (!is_captured && !evidence.asked) return;
    if (log_is_full()) {
        if (evidence.asked) answer(CHIP_ERROR_LOG_FULL);
    } else if (evidence.asked == KIND_HEAD || evidence.asked == KIND_PRECOMMIT) {
        /* First, so that no rate of the random trigger keeps an inspector from the head. */
        make(evidence.asked, true);
    } else if (is_captured) {
        const uint32_t cause = snapshot_cause_read();
        const bool is_random = cause == CAUSE_RANDOM || cause == CAUSE_RANDOM_FORCED;
        make(KIND_SNAPSHOT, evidence.asked == KIND_SNAPSHOT && !is_random);
    }
}

static void finish(void) {
    append_statement(evidence.seq);
    if (evidence.kind == KIND_BOOT) evidence.boot_made = true;
    if (evidence.kind == KIND_SNAPSHOT) {
        evidence.has_image = true;
        evidence.image_seq = evidence.seq;
        evidence.image_captures = evidence.captures_at_request;
    }
    if (evidence.answering) answer(CHIP_ERROR_OK);
}

static void poll_making(void) {
    const uint32_t status = statement_status_read();
    if (status & STATEMENT_STATUS_BUSY_MASK) {
        /* It stays awaited, so that the log has it if it comes after all. */
        if (ticks_have_passed(evidence.start, EVIDENCE_TICKS)) evidence.boot_overdue = evidence.kind == KIND_BOOT;
        return;
    }
    evidence.state = IDLE;
    if (status & STATEMENT_STATUS_REFUSED_MASK || !(status & STATEMENT_STATUS_VALID_MASK)) {
        if (evidence.answering) answer(CHIP_ERROR_HARDWARE);
        if (evidence.kind == KIND_BOOT) evidence.boot_failed = true;
    } else {
        finish();
    }
}

void evidence_poll(void) {
    if (evidence.asked && ticks_have_passed(evidence.asked_start, EVIDENCE_TICKS)) answer(CHIP_ERROR_HARDWARE);
    switch (evidence.state) {
    case AWAITING_IDENTITY:
        poll_identity();
        break;
    case IDLE:
        poll_idle();
        break;
    case MAKING:
        poll_making();
        break;
    }
}

bool evidence_image_is_of(uint64_t seq) {
    const uint32_t newer = SNAPSHOT_STATUS_CAPTURING_MASK | SNAPSHOT_STATUS_DONE_MASK;
    return evidence.has_image && evidence.image_seq == seq && !(snapshot_status_read() & newer) &&
           snapshot_captures_read() == evidence.image_captures;
}
