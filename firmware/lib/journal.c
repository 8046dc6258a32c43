#include "journal.h"

#include <livetrap_formats.h>

#include "flash.h"
#include "runtime.h"
#include "sectors.h"

/* Types are from 1 up. */
#define TYPES (JOURNAL_RECORD_ERRORS_STATED + 1)

/* Sectors before the newest in which a damaged record's predecessor is looked for. The one after the newest in the
   ring is not among them: it is erased at the next roll-over. */
#define OLDER_SECTORS (JOURNAL_SECTORS - 2)

/* in_use: whether there is a sector, `number`, with the highest `sequence`. next: the place of the next record; the
   sector's end when nothing may be written there any more. found: the place of the newest record of each type, 0 if
   none. */
static struct {
    bool in_use;
    uint32_t number, sequence, next;
    uint32_t found[TYPES];
} journal;

static uint32_t place_of(uint32_t number) { return JOURNAL_OFFSET + number % JOURNAL_SECTORS * SECTOR_BYTES; }

static uint32_t end_of(uint32_t number) { return place_of(number) + SECTOR_BYTES; }

/* Finds a sector's newest record of each type. Returns the place behind the last record, and in *damaged whether the
   CRC of one was wrong. */
static uint32_t look_through(uint32_t number, uint32_t *found, bool *damaged) {
    struct record record;
    uint32_t place = place_of(number) + SECTOR_HEADER_BYTES;
    memset(found, 0, TYPES * sizeof found[0]);
    *damaged = false;
    for (; record_at(place, &record); place = record_end(&record)) {
        if (!record_is_intact(&record)) {
            *damaged = true;
        } else if (record.type < TYPES) {
            found[record.type] = place;
        }
    }
    return place;
}

/* What is damaged in the newest sector was in an older one before. */
static void look_further_back(void) {
    for (uint32_t back = 1; back <= OLDER_SECTORS; back++) {
        const uint32_t number = journal.number + JOURNAL_SECTORS - back;
        uint32_t sequence, older[TYPES];
        bool damaged;
        if (!sector_header_read(place_of(number), JOURNAL_MAGIC, &sequence)) continue;
        if (sequence != journal.sequence - back) continue;
        look_through(number, older, &damaged);
        for (uint32_t type = 0; type < TYPES; type++) {
            if (!journal.found[type]) journal.found[type] = older[type];
        }
    }
}

void journal_initialise(void) {
    memset(&journal, 0, sizeof journal);
    for (uint32_t number = 0; number < JOURNAL_SECTORS; number++) {
        uint32_t sequence;
        if (!sector_header_read(place_of(number), JOURNAL_MAGIC, &sequence)) continue;
        if (journal.in_use && sequence <= journal.sequence) continue;
        journal.in_use = true;
        journal.number = number;
        journal.sequence = sequence;
    }
    if (!journal.in_use) return;
    bool damaged;
    journal.next = look_through(journal.number, journal.found, &damaged);
    const uint32_t end = end_of(journal.number);
    if (damaged || !flash_is_blank(journal.next, end)) {
        journal.next = end;
        look_further_back();
    }
}

uint32_t journal_get(uint32_t type, void *to, uint32_t most) {
    struct record record;
    if (type >= TYPES || !journal.found[type] || !record_at(journal.found[type], &record)) return 0;
    return record.length <= most && record_read(&record, to) ? record.length : 0;
}

/* Fills the next sector. Its header comes last: until it is there, the sector before is the newest. */
static bool roll_over(uint32_t type, const void *bytes, uint32_t size) {
    const uint32_t number = journal.in_use ? (journal.number + 1) % JOURNAL_SECTORS : 0;
    const uint32_t sequence = journal.in_use ? journal.sequence + 1 : 0;
    uint32_t next = place_of(number) + SECTOR_HEADER_BYTES, found[TYPES];
    memset(found, 0, sizeof found);
    if (!flash_erase_sector(place_of(number))) return false;
    for (uint32_t kept = 0; kept < TYPES; kept++) {
        struct record record;
        if (kept == type || !journal.found[kept] || !record_at(journal.found[kept], &record)) continue;
        /* It was intact when it was found: what became of it since must not keep the others from being put. */
        if (!record_is_intact(&record)) continue;
        if (next + record_bytes(record.length) > end_of(number) || !record_copy(&record, next)) return false;
        found[kept] = next;
        next += record_bytes(record.length);
    }
    if (next + record_bytes(size) > end_of(number) || !record_program(next, type, bytes, size)) return false;
    found[type] = next;
    if (!sector_header_program(place_of(number), JOURNAL_MAGIC, sequence)) return false;
    journal.in_use = true;
    journal.number = number;
    journal.sequence = sequence;
    journal.next = next + record_bytes(size);
    memcpy(journal.found, found, sizeof found);
    return true;
}

bool journal_put(uint32_t type, const void *bytes, uint32_t size) {
    if (type == 0 || type >= TYPES || size == 0 || size > JOURNAL_MAX_BYTES) return false;
    const uint32_t place = journal.next;
    if (!journal.in_use || place + record_bytes(size) > end_of(journal.number)) return roll_over(type, bytes, size);
    /* Nothing goes behind a record that failed. */
    journal.next = end_of(journal.number);
    if (!record_program(place, type, bytes, size)) return roll_over(type, bytes, size);
    journal.found[type] = place;
    journal.next = place + record_bytes(size);
    return true;
}
