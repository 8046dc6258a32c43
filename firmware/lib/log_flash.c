/* Sectors are a ring: the one with sequence s is number s % LOG_SECTORS, and a header anywhere else is not believed.
   The sector behind the newest is always erased before the newest gets its first record; so whatever it holds, but
   for the traces of one interrupted append, was written later and is damaged. Sectors are erased when they are
   needed, not when they are freed: truncation writes nothing here. */
#include <livetrap_csr.h>

#include "bytes.h"
#include "flash.h"
#include "hash.h"
#include "journal.h"
#include "log.h"
#include "runtime.h"
#include "sectors.h"

#define EVENT_BYTES (4u + 4u + 4u + 8u)
#define STATEMENT_RECORD_BYTES (RECORD_HEADER_BYTES + STATEMENT_BYTES)
#define SECTOR_STATEMENTS ((SECTOR_BYTES - SECTOR_HEADER_BYTES) / STATEMENT_RECORD_BYTES)

/* Sectors that can be held: one is always erased. */
#define USABLE_SECTORS (LOG_SECTORS - 1u)

/* Statements that are kept for heads, boots, errors and a truncation when the log is full. An append that power loss
   interrupts can cost a sector. */
#define RESERVE (LOG_SECTORS / 8u * SECTOR_STATEMENTS)

/* Statements that events leave room for. */
#define BOOT_RESERVE SECTOR_STATEMENTS

#define UNKNOWN UINT32_MAX

_Static_assert(LOG_SECTORS >= 8, "the reserve needs a sector, and the newest, the next and the oldest differ");
_Static_assert(STATEMENT_BYTES % 4 == 0 && EVENT_BYTES % 4 == 0, "records need no padding");

/* usable: false when recovery refused. oldest, next: sequences of the oldest sector held, and of the one to be begun
   next; equal when none is held. end: place behind the newest sector's last record; that sector's end when nothing
   may be written there any more. next_is_erased: sector `next` is. damaged: recovery met a damaged sector,
   damaged_sector. first: of each sector held the low half of its first statement's seq, UNKNOWN if it has none. While
   recovery looks for the newest sector: the sequence of each, UNKNOWN if it has none. */
static struct {
    struct log_state state;
    bool usable, next_is_erased, damaged;
    uint32_t oldest, next, end, damaged_sector;
    uint32_t first[LOG_SECTORS];
} log;

static uint32_t place_of(uint32_t sequence) { return LOG_OFFSET + sequence % LOG_SECTORS * SECTOR_BYTES; }

static uint32_t end_of(uint32_t sequence) { return place_of(sequence) + SECTOR_BYTES; }

static uint32_t first_record(uint32_t sequence) { return place_of(sequence) + SECTOR_HEADER_BYTES; }

/* Also one that is damaged, as long as its length is not: it has its place in the order of the others. */
static bool is_statement(const struct record *record) { return record->length == STATEMENT_BYTES; }

static uint64_t read_claim64(const struct record *statement, uint32_t offset) {
    uint8_t bytes[8];
    flash_read(record_payload(statement) + offset, bytes, sizeof bytes);
    return load_be64(bytes);
}

/* What a sector holds. last: its last intact statement, whose seq is `seq`; first: seq of the first. end: the place
   behind all records. wrong: where the damaged records at its end begin; `end` when the last is intact. has_gap:
   there is a damaged record before an intact one. is_orderly: statements are in the order of their seq. */
struct survey {
    struct record last;
    uint64_t seq, first;
    uint32_t end, wrong;
    bool has_record, has_statement, has_gap, is_orderly;
};

/* until_first: no further than to the first intact statement. */
static void survey_sector(uint32_t sequence, bool until_first, struct survey *survey) {
    struct record record;
    uint32_t statements = 0, place = first_record(sequence);
    memset(survey, 0, sizeof *survey);
    survey->wrong = place;
    survey->is_orderly = true;
    while (record_at(place, &record) && !(until_first && survey->has_statement)) {
        const bool is_intact = record_is_intact(&record);
        if (is_intact) {
            if (survey->wrong != place) survey->has_gap = true;
            survey->wrong = record_end(&record);
            survey->has_record = true;
        }
        if (is_intact && is_statement(&record)) {
            survey->seq = read_claim64(&record, CLAIM_SEQ_OFFSET);
            if (!survey->has_statement) survey->first = survey->seq - statements;
            if (survey->seq - survey->first != statements) survey->is_orderly = false;
            survey->has_statement = true;
            survey->last = record;
        }
        if (is_statement(&record)) statements++;
        place = record_end(&record);
    }
    survey->end = place;
}

/* Returns whether an interrupted append at a place can have left what stands from there to its sector's end. */
static bool may_be_torn(uint32_t place, uint32_t end) {
    return end - place <= STATEMENT_RECORD_BYTES || flash_is_blank(place + STATEMENT_RECORD_BYTES, end);
}

static void note_damage(uint32_t sequence) {
    if (log.damaged) return;
    log.damaged = true;
    log.damaged_sector = sequence % LOG_SECTORS;
}

static void follow_chain(const struct record *statement) {
    uint8_t piece[64];
    hash_begin_turboshake128(DOMAIN_CHAIN);
    flash_read(record_payload(statement) + CLAIM_CHAIN_OFFSET, piece, CLAIM_CHAIN_BYTES);
    hash_update(piece, CLAIM_CHAIN_BYTES);
    for (uint32_t done = 0; done < STATEMENT_BYTES;) {
        const uint32_t left = STATEMENT_BYTES - done, size = left < sizeof piece ? left : sizeof piece;
        flash_read(record_payload(statement) + done, piece, size);
        hash_update(piece, size);
        done += size;
    }
    hash_finish(log.state.chain);
}

static void continue_behind(const struct record *statement) {
    const uint64_t macs = read_claim64(statement, CLAIM_MACS_OFFSET);
    log.state.seq = read_claim64(statement, CLAIM_SEQ_OFFSET) + 1;
    log.state.bootcount = (uint32_t)(read_claim64(statement, CLAIM_BOOTCOUNT_OFFSET) >> 32);
    if (macs > log.state.macs) log.state.macs = macs;
    follow_chain(statement);
}

/* The u64 that a journal record begins with; 0 when there is none. */
static uint64_t journal_number(uint32_t type) {
    uint8_t record[40];
    return journal_get(type, record, sizeof record) >= 8 ? load_le64(record) : 0;
}

/* Notes the sequence of each sector. Returns whether one is where it belongs, and the highest such sequence;
   *misplaced is one more than the highest of the others, 0 if none. */
static bool read_headers(uint32_t *highest, uint32_t *misplaced) {
    bool is_any = false;
    *highest = *misplaced = 0;
    for (uint32_t number = 0; number < LOG_SECTORS; number++) {
        uint32_t sequence;
        log.first[number] = UNKNOWN;
        if (!sector_header_read(place_of(number), LOG_MAGIC, &sequence)) continue;
        if (sequence % LOG_SECTORS != number) {
            if (sequence >= *misplaced) *misplaced = sequence + 1;
            continue;
        }
        log.first[number] = sequence;
        if (!is_any || sequence > *highest) *highest = sequence;
        is_any = true;
    }
    return is_any;
}

/* Returns whether sector `log.next` is erased, or as an interrupted append can have left it. */
static bool check_next(void) {
    struct record record;
    log.next_is_erased = flash_is_blank(place_of(log.next), end_of(log.next));
    if (log.next_is_erased) return true;
    if (record_at(first_record(log.next), &record) && record_is_intact(&record)) return false;
    return may_be_torn(first_record(log.next), end_of(log.next));
}

/* Finds the newest sector that has a record, and where it ends. Returns false when it is damaged, or more was there
   once than is there now. */
static bool find_newest(struct survey *survey) {
    uint32_t highest, misplaced;
    if (!read_headers(&highest, &misplaced)) return misplaced == 0;
    survey_sector(highest, false, survey);
    if (survey->has_record) {
        log.next = highest + 1;
        if (!check_next()) return false;
    } else {
        /* Its first append was interrupted: it counts as the one to be begun next. */
        log.next = highest;
        if (!may_be_torn(first_record(highest), end_of(highest))) return false;
        if (highest == 0) return misplaced == 0;
        if (log.first[(highest - 1) % LOG_SECTORS] != highest - 1) return false;
        survey_sector(highest - 1, false, survey);
    }
    const uint32_t end = end_of(log.next - 1);
    if (misplaced > log.next || !survey->has_record) return false;
    log.end = survey->wrong == survey->end && flash_is_blank(survey->end, end) ? survey->end : end;
    return true;
}

/* Continues behind the last statement, in the newest sector or, if that has but events, in one before. Returns false
   when a damaged sector may have had a later one. */
static bool find_last(struct survey *survey) {
    uint32_t sequence = log.next;
    while (sequence) {
        sequence--;
        if (log.next - sequence > USABLE_SECTORS || log.first[sequence % LOG_SECTORS] != sequence) return false;
        if (sequence + 1 != log.next) survey_sector(sequence, false, survey);
        if (!survey->is_orderly || !may_be_torn(survey->wrong, end_of(sequence))) return false;
        if (survey->has_gap) note_damage(sequence);
        if (survey->has_statement) {
            continue_behind(&survey->last);
            return true;
        }
    }
    return true;
}

/* Returns whether a sector can begin with statement `first` when the one `sectors` further begins with `behind`. */
static bool is_plausible(uint64_t first, uint64_t behind, uint32_t sectors) {
    return first < behind && behind - first <= (uint64_t)SECTOR_STATEMENTS * sectors;
}

/* Notes the first statements of the sectors held: back to the one that holds statement `kept`, to the very first if
   that is 0, since events may come before statement 0. What is damaged between them, or is missing before them, is
   noted. */
static void find_oldest(uint64_t kept) {
    struct survey survey;
    uint64_t behind = log.state.seq;
    uint32_t newer = log.next, missing = UNKNOWN;
    log.oldest = log.next;
    for (uint32_t distance = 1; distance <= LOG_SECTORS; distance++) {
        const uint32_t sequence = log.next - distance;
        const uint32_t number = (log.next + LOG_SECTORS - distance) % LOG_SECTORS;
        const bool is_there = log.first[number] == sequence;
        log.first[number] = UNKNOWN;
        const bool is_over = kept && behind <= kept && newer != log.next;
        if (is_over || distance > log.next || distance > USABLE_SECTORS) continue;
        if (is_there) survey_sector(sequence, true, &survey);
        if (!is_there || (survey.has_statement && !is_plausible(survey.first, behind, newer - sequence))) {
            if (missing == UNKNOWN) missing = sequence;
            continue;
        }
        if (missing != UNKNOWN) note_damage(missing);
        missing = UNKNOWN;
        log.oldest = sequence;
        if (!survey.has_statement) continue;
        log.first[number] = (uint32_t)survey.first;
        behind = survey.first;
        newer = sequence;
    }
    if (behind > kept) note_damage(missing != UNKNOWN ? missing : log.oldest - 1);
}

static bool recover(void) {
    struct survey survey;
    if (!find_newest(&survey) || !find_last(&survey)) return false;
    const uint64_t kept = journal_number(JOURNAL_RECORD_TRUNCATED);
    const uint64_t macs = journal_number(JOURNAL_RECORD_MACS);
    if (kept > log.state.seq || journal_number(JOURNAL_RECORD_RECEIPTED) > log.state.seq) return false;
    /* Nothing is computed before the first boot statement. */
    if (macs && !log.state.seq) return false;
    if (macs > log.state.macs) log.state.macs = macs;
    find_oldest(kept);
    return true;
}

bool log_initialise(void) {
    memset(&log, 0, sizeof log);
    log.usable = recover();
    if (!log.usable) memset(&log, 0, sizeof log);
    return log.usable;
}

const struct log_state *log_recovered(void) { return &log.state; }

bool log_is_damaged(uint32_t *sector) {
    *sector = log.damaged_sector;
    return log.damaged;
}

uint32_t log_capacity(void) { return USABLE_SECTORS * SECTOR_STATEMENTS - RESERVE; }

static uint32_t free_sectors(void) { return log.usable ? USABLE_SECTORS - (log.next - log.oldest) : 0; }

static uint32_t room_in_newest(void) { return log.next == log.oldest ? 0 : end_of(log.next - 1) - log.end; }

static uint32_t statements_left(uint32_t room, uint32_t sectors) {
    return room / STATEMENT_RECORD_BYTES + sectors * SECTOR_STATEMENTS;
}

bool log_is_full(void) { return statements_left(room_in_newest(), free_sectors()) <= RESERVE; }

bool log_is_exhausted(void) { return statements_left(room_in_newest(), free_sectors()) == 0; }

/* The seq of a sector's first statement, which is before the next one. */
static uint64_t first_seq(uint32_t sequence) {
    return log.state.seq - ((uint32_t)log.state.seq - log.first[sequence % LOG_SECTORS]);
}

static bool has_statement(uint32_t sequence) { return log.first[sequence % LOG_SECTORS] != UNKNOWN; }

uint64_t log_first(void) {
    for (uint32_t sequence = log.oldest; sequence != log.next; sequence++) {
        if (has_statement(sequence)) return first_seq(sequence);
    }
    return log.state.seq;
}

bool log_is_empty(void) { return log_first() == log.state.seq; }

uint64_t log_next(void) { return log.state.seq; }

/* The sector behind is erased before this one has a header: from then on it must stay as it is until it is begun. */
static bool begin_sector(void) {
    const uint32_t sequence = log.next;
    if (!free_sectors()) return false;
    if (!log.next_is_erased && !flash_erase_sector(place_of(sequence))) return false;
    log.next_is_erased = false;
    if (!flash_erase_sector(place_of(sequence + 1))) return false;
    if (!sector_header_program(place_of(sequence), LOG_MAGIC, sequence)) return false;
    log.first[sequence % LOG_SECTORS] = UNKNOWN;
    log.next = sequence + 1;
    log.end = first_record(sequence);
    log.next_is_erased = true;
    return true;
}

/* Returns whether the record is there, and its place. */
static bool append_to_newest(uint32_t type, const uint8_t *payload, uint32_t length, uint32_t *place) {
    const uint32_t sequence = log.next - 1;
    *place = log.end;
    /* Nothing goes behind a record that failed. */
    log.end = end_of(sequence);
    if (record_program(*place, type, payload, length)) {
        log.end = *place + record_bytes(length);
        return true;
    }
    if (*place == first_record(sequence)) {
        log.next = sequence;
        log.next_is_erased = false;
        log.end = sequence ? end_of(sequence - 1) : 0;
    }
    return false;
}

static bool append(uint32_t type, const uint8_t *payload, uint32_t length, uint32_t *place) {
    if (room_in_newest() >= record_bytes(length) && append_to_newest(type, payload, length, place)) return true;
    return begin_sector() && append_to_newest(type, payload, length, place);
}

bool log_append_statement(uint64_t seq, const uint8_t *statement) {
    struct record record;
    uint32_t place;
    if (seq != log.state.seq || load_be64(statement + CLAIM_SEQ_OFFSET) != seq) return false;
    if (!append(LOG_RECORD_STATEMENT, statement, STATEMENT_BYTES, &place) || !record_at(place, &record)) return false;
    if (!has_statement(log.next - 1)) log.first[(log.next - 1) % LOG_SECTORS] = (uint32_t)seq;
    continue_behind(&record);
    return true;
}

static bool has_room_for_event(void) {
    uint32_t room = room_in_newest(), sectors = free_sectors();
    if (room < record_bytes(EVENT_BYTES)) {
        if (!sectors) return false;
        sectors--;
        room = SECTOR_BYTES - SECTOR_HEADER_BYTES;
    }
    return statements_left(room - record_bytes(EVENT_BYTES), sectors) >= BOOT_RESERVE;
}

bool log_append_event(const struct log_event *event) {
    uint8_t payload[EVENT_BYTES];
    uint32_t place;
    store_le32(payload, event->event);
    store_le32(payload + 4, event->detail);
    store_le32(payload + 8, event->bootcount);
    store_le64(payload + 12, event->ticks);
    return has_room_for_event() && append(LOG_RECORD_EVENT, payload, sizeof payload, &place);
}

bool log_read(uint64_t seq, uint8_t *statement) {
    uint32_t sequence = log.next;
    do {
        if (sequence-- == log.oldest) return false;
    } while (!has_statement(sequence) || first_seq(sequence) > seq);
    uint64_t skipped = first_seq(sequence);
    struct record record;
    for (uint32_t place = first_record(sequence); record_at(place, &record); place = record_end(&record)) {
        if (!is_statement(&record) || skipped++ != seq) continue;
        return record_read(&record, statement) && load_be64(statement + CLAIM_SEQ_OFFSET) == seq;
    }
    return false;
}

static bool is_event(const struct record *record) {
    return record->type == LOG_RECORD_EVENT && record->length == EVENT_BYTES && record_is_intact(record);
}

/* Finds an event. *events: how many were met before it, all that there are if it is not there. */
static bool find_event(uint32_t index, struct record *record, uint32_t *events) {
    uint32_t found;
    *events = 0;
    for (uint32_t sequence = log.oldest; sequence != log.next; sequence++) {
        if (!sector_header_read(place_of(sequence), LOG_MAGIC, &found) || found != sequence) continue;
        for (uint32_t place = first_record(sequence); record_at(place, record); place = record_end(record)) {
            if (!is_event(record)) continue;
            if (*events == index) return true;
            ++*events;
        }
    }
    return false;
}

uint32_t log_events(void) {
    struct record record;
    uint32_t events;
    find_event(UINT32_MAX, &record, &events);
    return events;
}

bool log_event_read(uint32_t index, struct log_event *event) {
    uint8_t payload[EVENT_BYTES];
    struct record record;
    uint32_t events;
    if (!find_event(index, &record, &events) || !record_read(&record, payload)) return false;
    event->event = load_le32(payload);
    event->detail = load_le32(payload + 4);
    event->bootcount = load_le32(payload + 8);
    event->ticks = load_le64(payload + 12);
    return true;
}

bool log_truncate(uint64_t seq) {
    if (!log.usable || seq > log.state.seq || journal_number(JOURNAL_RECORD_TRUNCATED) < seq) return false;
    for (uint32_t sequence = log.oldest; seq && sequence != log.next; sequence++) {
        if (has_statement(sequence) && first_seq(sequence) <= seq) log.oldest = sequence;
    }
    return true;
}
