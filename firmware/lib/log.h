/* The chip's log of statements: append-only, in the order of their seq.

   This implementation keeps it in RAM that a warm reset leaves alone; power-on clears it. */
#ifndef LIVETRAP_LOG_H
#define LIVETRAP_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Takes over the log that a warm reset left, as far as its checksums hold; otherwise starts an empty one.
   next_seq: seq of the statement that the chip will make next; a log that claims to know it already is stale. */
void log_initialise(uint64_t next_seq);

/* Returns the number of statements that the log can hold. */
uint32_t log_capacity(void);

/* Returns whether no statement can be appended. */
bool log_is_full(void);

/* Returns whether there is no statement. */
bool log_is_empty(void);

/* Returns the seq of the first statement, or next_seq of log_initialise when the log is empty. */
uint64_t log_first(void);

/* Returns the seq after the last statement's, or next_seq of log_initialise when the log is empty. */
uint64_t log_next(void);

/* Returns where to put the STATEMENT_BYTES of the next statement, which log_append makes part of the log;
   only while log_is_full() is false. The address is a multiple of 4. */
uint8_t *log_prepare(void);

/* Appends what stands at log_prepare(). seq: the statement's, at least log_next(). */
void log_append(uint64_t seq);

/* Returns the STATEMENT_BYTES of a statement, or NULL when there is no such statement or its checksum is wrong. */
const uint8_t *log_find(uint64_t seq);

#endif
