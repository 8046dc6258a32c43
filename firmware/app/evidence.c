#include "evidence.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "bytes.h"
#include "log.h"
#include "made_statement.h"
#include "request.h"
#include "runtime.h"
#include "timeout.h"

#define NONCE_SLOT_INDEX 0
#define SLOT_WORDS 16

enum state {
    /* Since `start`, for zeroised memory, and for an end of what the builder still does. */
    AWAITING_MEMORY,
    IDLE,
    /* A statement of `kind`, requested at `start`. */
    MAKING,
};

/* asked: kind of statement that somebody awaits, 0 if none, since `asked_start`. noted: likewise, nobody awaits it.
   answering, noting: the statement being made is that one. image_*: the statement whose image is in IMAGE, and the count
   of captures that it is. boot_stated, boot_overdue: the boot statement is in the log, or not within its time. failed: the boot
   statement was refused, the log cannot be recovered, or flash takes no statements any more. */
static struct {
    enum state state;
    uint64_t start, asked_start;
    uint32_t kind, asked, noted;
    bool answering, noting, boot_stated, boot_overdue, failed, has_image;
    int outcome;
    uint64_t seq, outcome_seq, image_seq;
    uint32_t image_captures, captures_at_request;
    uint8_t nonce[NONCE_BYTES], digest[NONCE_BYTES], noted_digest[NONCE_BYTES];
} evidence;

static const uint8_t zeros[NONCE_BYTES];

void evidence_initialise(bool has_log) {
    memset(&evidence, 0, sizeof evidence);
    evidence.outcome = EVIDENCE_PENDING;
    evidence.start = chip_ticks_read();
    evidence.failed = !has_log;
}

bool evidence_boot_is_over(void) { return evidence.boot_stated || evidence.boot_overdue || evidence.failed; }

bool evidence_boot_is_stated(void) { return evidence.boot_stated; }

bool evidence_is_idle(void) { return evidence.state != MAKING; }

bool evidence_is_noted(void) { return !evidence.noted; }

static bool has_entropy_failed(void) { return chip_status_read() & CHIP_STATUS_ENTROPY_FAILED_MASK; }

int evidence_readiness(void) {
    if (has_entropy_failed()) return CHIP_ERROR_ENTROPY;
    if (evidence.failed) return CHIP_ERROR_HARDWARE;
    if (log_is_exhausted()) return CHIP_ERROR_LOG_FULL;
    return evidence.boot_stated ? CHIP_ERROR_OK : CHIP_ERROR_HARDWARE;
}

int evidence_work_readiness(void) {
    const int error = evidence_readiness();
    if (error) return error;
    if (otp_lifecycle_read() == LIFECYCLE_RETIRED) return CHIP_ERROR_RETIRED;
    return log_is_full() ? CHIP_ERROR_LOG_FULL : CHIP_ERROR_OK;
}

static void ask(uint32_t kind, const uint8_t *nonce, const uint8_t *digest) {
    memcpy(evidence.nonce, nonce ? nonce : zeros, NONCE_BYTES);
    memcpy(evidence.digest, digest ? digest : zeros, NONCE_BYTES);
    evidence.asked = kind;
    evidence.asked_start = chip_ticks_read();
    evidence.outcome = EVIDENCE_PENDING;
}

void evidence_attest(const uint8_t *nonce) { ask(KIND_HEAD, nonce, NULL); }

void evidence_precommit(const uint8_t *digest) { ask(KIND_PRECOMMIT, NULL, digest); }

void evidence_truncate(const uint8_t *digest) { ask(KIND_TRUNCATE, NULL, digest); }

void evidence_snapshot(const uint8_t *nonce) {
    ask(KIND_SNAPSHOT, nonce, NULL);
    snapshot_request_write(nonce ? CAUSE_CHALLENGE : CAUSE_HOST);
}

bool evidence_note(uint32_t kind, const uint8_t *digest) {
    if (evidence.noted) return false;
    evidence.noted = kind;
    memcpy(evidence.noted_digest, digest, NONCE_BYTES);
    return true;
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

static void fill_slots(const uint8_t *nonce, const uint8_t *digest) {
    statement_slot_index_write(NONCE_SLOT_INDEX);
    for (uint32_t word = 0; word < SLOT_WORDS; word++) {
        const uint8_t *slot = word < NONCE_BYTES / 4 ? nonce : digest;
        statement_slot_data_write(load_le32(slot + 4 * word % NONCE_BYTES));
    }
}

/* The one that was asked for carries its nonce and digest, a note its digest, others neither. A head's digest is zeros, for
   the chain covers the log; a snapshot's is the hardware's. */
static void make(uint32_t kind) {
    evidence.kind = kind;
    evidence.seq = chip_seq_read();
    evidence.captures_at_request = snapshot_captures_read();
    fill_slots(evidence.answering ? evidence.nonce : zeros,
               evidence.answering ? evidence.digest : evidence.noting ? evidence.noted_digest : zeros);
    statement_request_write(kind);
    evidence.start = chip_ticks_read();
    evidence.state = MAKING;
}

static void poll_memory(void) {
    if (evidence.failed) {
        evidence.state = IDLE;
        return;
    }
    const bool is_cleared = chip_status_read() & CHIP_STATUS_CLEARED_MASK;
    const bool is_busy = statement_status_read() & STATEMENT_STATUS_BUSY_MASK;
    if (!is_cleared || is_busy) {
        if (ticks_have_passed(evidence.start, EVIDENCE_CLEARED_TICKS)) evidence.boot_overdue = true;
        return;
    }
    evidence.state = IDLE;
    evidence.boot_overdue = false;
    evidence.failed = !made_statement_recover();
    evidence.boot_stated = !evidence.failed && (chip_status_read() & CHIP_STATUS_BOOTED_MASK);
    /* Without room for a boot statement the chip serves what it has, and waits for a truncation. */
    if (!evidence.boot_stated && !log_is_exhausted()) evidence.failed = true;
    if (log_is_exhausted()) evidence.boot_overdue = true;
}

static void poll_idle(void) {
    const bool is_captured = snapshot_status_read() & SNAPSHOT_STATUS_DONE_MASK;
    if (evidence.failed || has_entropy_failed()) {
        if (evidence.asked) answer(has_entropy_failed() ? CHIP_ERROR_ENTROPY : CHIP_ERROR_HARDWARE);
    } else if (log_is_exhausted()) {
        if (evidence.asked) answer(CHIP_ERROR_LOG_FULL);
    } else if (!evidence.boot_stated) {
        make(KIND_BOOT);
    } else if (evidence.asked && evidence.asked != KIND_SNAPSHOT) {
        /* First, so that no rate of the random trigger keeps an inspector from the head. */
        evidence.answering = true;
        make(evidence.asked);
    } else if (evidence.noted) {
        evidence.noting = true;
        make(evidence.noted);
    } else if (is_captured && !log_is_full()) {
        const uint32_t cause = snapshot_cause_read();
        const bool is_random = cause == CAUSE_RANDOM || cause == CAUSE_RANDOM_FORCED;
        evidence.answering = evidence.asked == KIND_SNAPSHOT && !is_random;
        make(KIND_SNAPSHOT);
    } else if (evidence.asked && log_is_full()) {
        answer(CHIP_ERROR_LOG_FULL);
    }
}

/* The statement is made: it exists once it is in the log. When flash fails, nothing more is made: the chip's seq would run
   ahead of what it can show. */
static void finish(void) {
    if (!made_statement_append(evidence.seq)) {
        evidence.failed = true;
        if (evidence.answering) answer(CHIP_ERROR_HARDWARE);
        return;
    }
    if (evidence.kind == KIND_BOOT) evidence.boot_stated = true;
    if (evidence.noting) evidence.noted = 0;
    if (evidence.kind == KIND_SNAPSHOT) {
        evidence.has_image = true;
        evidence.image_seq = evidence.seq;
        evidence.image_captures = evidence.captures_at_request;
    }
    if (evidence.answering) answer(CHIP_ERROR_OK);
}

static void poll_making(void) {
    const uint32_t status = statement_status_read();
    /* A statement that is late stays awaited, so that the log has it if it comes after all. */
    if (status & STATEMENT_STATUS_BUSY_MASK) return;
    evidence.state = IDLE;
    if (status & STATEMENT_STATUS_REFUSED_MASK || !(status & STATEMENT_STATUS_VALID_MASK)) {
        if (evidence.answering) answer(CHIP_ERROR_HARDWARE);
        if (evidence.kind == KIND_BOOT) evidence.failed = true;
    } else {
        finish();
    }
    evidence.noting = false;
}

void evidence_poll(void) {
    if (evidence.asked && ticks_have_passed(evidence.asked_start, EVIDENCE_TICKS)) answer(CHIP_ERROR_HARDWARE);
    switch (evidence.state) {
    case AWAITING_MEMORY:
        poll_memory();
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

bool evidence_captures_are_stated(void) {
    const uint32_t open = SNAPSHOT_STATUS_CAPTURING_MASK | SNAPSHOT_STATUS_DONE_MASK;
    const bool is_making = evidence.state == MAKING && evidence.kind == KIND_SNAPSHOT;
    return !evidence.failed && !is_making && !(snapshot_status_read() & open);
}
