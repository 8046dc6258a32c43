/* Truncation: the log forgets statements that a Verifier has, with the Verifier's countersigned approval. */
#ifndef LIVETRAP_TRUNCATION_H
#define LIVETRAP_TRUNCATION_H

#include <stdint.h>

/* Goes on with a truncation that power loss interrupted. After log_initialise(). */
void truncation_initialise(void);

/* Checks an approval (formats/approval.cddl), notes it durably, and frees the log before its seq. The approval must be for
   this chip and name a statement that is in the log, or the next, and the chain before it. Returns CHIP_ERROR_OK with
   the approval's digest, by which a truncate statement names it; UNSIGNED, NOT_FOUND, or HARDWARE when flash fails. A
   repeated approval is carried out again. */
int truncation_carry_out(const uint8_t *approval, uint32_t size, uint8_t *digest);

#endif
