/* Statements: when they are made, and what for. One is made at a time, in evidence_poll(), and goes to the log.

   A boot makes a boot statement, every capture a snapshot statement, evidence_attest a head statement and
   evidence_precommit a precommit statement. While the
   log is full nothing is made: a finished capture keeps its root, and the hardware starts no other. */
#ifndef LIVETRAP_EVIDENCE_H
#define LIVETRAP_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Bound on the making of one statement, and on the outcome of what was asked for. */
#define EVIDENCE_TICKS (1u << 15)

/* Bound on the wait for identity and zeroised memory after a reset. */
#define EVIDENCE_IDENTITY_TICKS (1u << 14)

#define EVIDENCE_PENDING (-1)

/* Begins after a reset: takes over the log, and waits in evidence_poll() until the boot statement can be made. */
void evidence_initialise(void);

/* Does what can be done without waiting; at most about 3000 cycles. */
void evidence_poll(void);

/* Returns whether the boot statement is made, cannot be made, or is overdue. */
bool evidence_boot_is_over(void);

/* Returns whether the chip has its id and its key. */
bool evidence_has_identity(void);

/* Returns CHIP_ERROR_OK when work may begin that changes the chip or asks for a statement, else why not:
   NOT_PROVISIONED, HARDWARE (there is no boot statement) or LOG_FULL. */
int evidence_readiness(void);

/* Returns whether no statement is being made. */
bool evidence_is_idle(void);

/* Asks for a head statement with a nonce of NONCE_BYTES; only when evidence_readiness() is OK and nothing else that was
   asked for awaits its outcome. */
void evidence_attest(const uint8_t *nonce);

/* Asks for a precommit statement with a digest of NONCE_BYTES. Same conditions. */
void evidence_precommit(const uint8_t *digest);

/* Asks for a snapshot; cause CHALLENGE with a nonce, cause HOST without (NULL). Same conditions. */
void evidence_snapshot(const uint8_t *nonce);

/* Returns EVIDENCE_PENDING, or the outcome of what was asked for: CHIP_ERROR_OK with the statement's seq in *seq,
   LOG_FULL or HARDWARE. */
int evidence_outcome(uint64_t *seq);

/* Returns whether IMAGE holds the image of the snapshot statement `seq`, now and since its capture. */
bool evidence_image_is_of(uint64_t seq);

#endif
