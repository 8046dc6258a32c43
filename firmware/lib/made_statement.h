/* The statement that the builder made last. It stays in its window through warm resets, until the next one is made. */
#ifndef LIVETRAP_MADE_STATEMENT_H
#define LIVETRAP_MADE_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Copies it to the log, where it must be statement `seq`, the next. Returns false when the log does not take it. */
bool made_statement_append(uint64_t seq);

/* Copies it to the log if a reset kept it from there; only while none is being made. Returns whether the log now ends where
   the builder's next statement belongs. */
bool made_statement_recover(void);

#endif
