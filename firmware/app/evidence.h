/* Statements: when they are made, and what for. One is made at a time, in evidence_poll(), and goes to the log; only then
   can anybody read it.

   ROM has the boot statement made; every capture makes a snapshot statement; heads, precommitments and truncations are
   asked for; updates and errors are noted. While the log is full no snapshot is stated: a finished capture keeps its
   root, and the hardware starts no other. */
#ifndef LIVETRAP_EVIDENCE_H
#define LIVETRAP_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Bound on the outcome of what was asked for; two appends to the log may come before it, of which each may have to erase a
   sector. */
#define EVIDENCE_TICKS (1u << 20)

/* Bound on the wait for zeroised memory after a reset. */
#define EVIDENCE_CLEARED_TICKS (1u << 14)

#define EVIDENCE_PENDING (-1)

/* Begins after a reset: takes over the boot statement in evidence_poll(), once memory is zeroised. has_log: log_initialise()
   has recovered the log; without one nothing is made. */
void evidence_initialise(bool has_log);

/* Does what can be done without waiting, but for an append to the log. */
void evidence_poll(void);

/* Returns whether the boot statement is in the log, cannot be made, or is overdue. */
bool evidence_boot_is_over(void);

/* Returns whether the boot statement is in the log. */
bool evidence_boot_is_stated(void);

/* Returns CHIP_ERROR_OK when a statement may be asked for, else why not: ENTROPY, HARDWARE (there is no boot statement) or
   LOG_FULL (not even a head fits). */
int evidence_readiness(void);

/* Returns CHIP_ERROR_OK when work may begin that changes accelerator memory, else why not: as evidence_readiness(), RETIRED,
   or LOG_FULL (what is left is kept for heads and boots). */
int evidence_work_readiness(void);

/* Returns whether no statement is being made. */
bool evidence_is_idle(void);

/* Asks for a head statement with a nonce of NONCE_BYTES; only when evidence_readiness() is OK and nothing else that was
   asked for awaits its outcome. */
void evidence_attest(const uint8_t *nonce);

/* Asks for a precommit statement with a digest of NONCE_BYTES. Same conditions. */
void evidence_precommit(const uint8_t *digest);

/* Asks for a truncate statement with the approval's digest. Only when nothing else that was asked for awaits its outcome;
   the boot statement is made first if there was no room for it. */
void evidence_truncate(const uint8_t *digest);

/* Asks for a snapshot; cause CHALLENGE with a nonce, cause HOST without (NULL). Conditions of evidence_attest, and
   evidence_work_readiness() is not LOG_FULL. */
void evidence_snapshot(const uint8_t *nonce);

/* Has a statement made when nothing else is to do, KIND_UPDATE or KIND_ERROR with a digest. Returns false while an earlier
   note is still to be made. */
bool evidence_note(uint32_t kind, const uint8_t *digest);

/* Returns whether no note is still to be made. */
bool evidence_is_noted(void);

/* Returns EVIDENCE_PENDING, or the outcome of what was asked for: CHIP_ERROR_OK with the statement's seq in *seq,
   LOG_FULL or HARDWARE. */
int evidence_outcome(uint64_t *seq);

/* Returns whether IMAGE holds the image of the snapshot statement `seq`, now and since its capture. */
bool evidence_image_is_of(uint64_t seq);

/* Returns whether every finished or running capture has its statement in the log; false when none can be made any more. */
bool evidence_captures_are_stated(void);

#endif
