/* The journal in flash: of each type of record, the newest counts (formats/flash.py, JournalRecord). A put that power loss
   interrupts leaves the old record or the new one. */
#ifndef LIVETRAP_JOURNAL_H
#define LIVETRAP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_MAX_BYTES 1024

/* Finds the newest record of each type; only after flash_initialise(). Writes nothing. */
void journal_initialise(void);

/* Copies the newest record of a type, at most `most` bytes; returns its size, or 0 when there is none or it is larger. */
uint32_t journal_get(uint32_t type, void *to, uint32_t most);

/* Puts a record of 1 to JOURNAL_MAX_BYTES; rolls over to the next sector as needed, taking the newest of the other types
   along. Returns false when flash fails; then the old record still counts. */
bool journal_put(uint32_t type, const void *bytes, uint32_t size);

#endif
