/* The chip's log in flash: statements in the order of their seq, events between them (formats/flash.py). Append-only;
   an append that power loss interrupts is whole or not there. */
#ifndef LIVETRAP_LOG_H
#define LIVETRAP_LOG_H

#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

/* Where the chip was when it lost power: what it continues from. */
struct log_state {
    uint64_t seq;              /* of the next statement */
    uint32_t bootcount;        /* of the last boot that has a statement; 0 before the first */
    uint64_t macs;             /* at least those of the last statement */
    uint8_t chain[32];         /* over all statements so far */
};

struct log_event {
    uint32_t event, detail, bootcount;
    uint64_t ticks;
};

/* Finds the log's records: reads the header of each sector, the records of the newest and up to the first statement
   of the others that are held; only after flash_initialise() and journal_initialise(). Writes nothing.

   Returns false when the last statement may be lost: the newest sector, or what is behind it, was damaged; or the
   journal knows of a later statement (TRUNCATED, RECEIPTED), or of any (MACS) when none is there. Then nothing may be
   signed, and nothing is appended. A record that is damaged elsewhere is lost, and the log goes on: log_is_damaged.
   */
bool log_initialise(void);

/* Where to continue after a power-on. Constant from log_initialise on but for appends. */
const struct log_state *log_recovered(void);

/* Returns whether recovery met a damaged sector among those held, and the number of one in *sector. */
bool log_is_damaged(uint32_t *sector);

/* Returns the number of statements that make the log full, about. */
uint32_t log_capacity(void);

/* Returns whether no new work may be taken: what is left is kept for heads, boots, errors and a truncation. */
bool log_is_full(void);

/* Returns whether not even a boot statement can be appended. */
bool log_is_exhausted(void);

/* Returns whether there is no statement. */
bool log_is_empty(void);

/* Returns the seq of the first statement that is held, or log_next() when there is none. */
uint64_t log_first(void);

/* Returns the seq after the last statement's. */
uint64_t log_next(void);

/* Appends a statement of STATEMENT_BYTES, whose seq must be log_next(). Returns false when flash fails or the log is
   exhausted; then it is not there. */
bool log_append_statement(uint64_t seq, const uint8_t *statement);

/* Appends an event; it never takes the place of a boot statement. Returns as log_append_statement does. */
bool log_append_event(const struct log_event *event);

/* Copies STATEMENT_BYTES of a statement. Returns false when it is not there or its checksum is wrong. */
bool log_read(uint64_t seq, uint8_t *statement);

/* Returns the number of events held; log_event_read copies one, index 0 the oldest, false when there is none such. */
uint32_t log_events(void);
bool log_event_read(uint32_t index, struct log_event *event);

/* Frees the sectors that hold nothing but statements before `seq` and events before them. The journal must know `seq`
   already (TRUNCATED). Returns false when flash fails; a later call goes on. */
bool log_truncate(uint64_t seq);

#endif
