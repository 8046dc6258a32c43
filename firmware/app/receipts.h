/* Log mode (b) (paper 1.4): after each snapshot the hardware holds the accelerator; it is released when the log server's
   receipts for all snapshot statements have been checked. In log mode (a) nothing here does anything. */
#ifndef LIVETRAP_RECEIPTS_H
#define LIVETRAP_RECEIPTS_H

#include <stdbool.h>
#include <stdint.h>

/* To be called after a reset, when log, journal and countersignature are initialised. */
void receipts_initialise(void);

/* Looks at one statement of the log, at most; releases the accelerator when no receipt is missing. */
void receipts_poll(void);

/* Returns whether a receipt is missing, or may be. */
bool receipts_are_missing(void);

/* Returns whether a snapshot statement waits for its receipt, and its seq; else the seq before which none does. */
bool receipts_oldest(uint64_t *seq);

/* Checks a receipt for that statement, and notes durably that it is there. Returns CHIP_ERROR_OK, NOT_FOUND when no
   statement waits, UNSIGNED, or HARDWARE when flash fails. */
int receipts_take(const uint8_t *receipt, uint32_t size);

#endif
