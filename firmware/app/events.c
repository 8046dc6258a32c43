#include "events.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>

#include "bytes.h"
#include "evidence.h"
#include "hash.h"
#include "journal.h"
#include "log.h"
#include "runtime.h"
#include "slots.h"

/* stated_boots: events of boots up to this one have error statements. next: event that is to be looked at. total: events that
   the log had at the last look. */
static struct {
    bool entropy_recorded, done;
    uint32_t stated_boots, next, total;
} events;

void events_record(uint32_t event, uint32_t detail) {
    const struct log_event record = {event, detail, chip_bootcount_read(), chip_ticks_read()};
    if (log_append_event(&record)) events.total++;
}

/* An image that was to be tried and does not run, once for each. */
static void tell_of_image(uint32_t slot, uint32_t error) {
    if (!error || !slot_flag(slot, TRAILER_PENDING) || slot_flag(slot, TRAILER_TOLD)) return;
    if (error == BOOT_ERROR_NOT_CONFIRMED) {
        events_record(EVENT_ROLLBACK, slot);
    } else {
        events_record(EVENT_REFUSED_IMAGE, slot << 16 | error);
    }
    slot_set_flag(slot, TRAILER_TOLD);
}

/* Damage stays where it is until the sector is begun again: it is told of once. */
static void tell_of_damage(void) {
    uint32_t sector;
    struct log_event event;
    if (!log_is_damaged(&sector)) return;
    for (uint32_t index = 0; log_event_read(index, &event); index++) {
        if (event.event == EVENT_LOG_DAMAGE && event.detail == sector) return;
    }
    events_record(EVENT_LOG_DAMAGE, sector);
}

void events_initialise(struct handoff *handoff) {
    uint8_t record[4];
    memset(&events, 0, sizeof events);
    if (journal_get(JOURNAL_RECORD_ERRORS_STATED, record, sizeof record) == sizeof record) {
        events.stated_boots = load_le32(record);
    }
    if (handoff->trap_mark == TRAP_MARK) {
        const struct log_event trap = {EVENT_TRAP, handoff->trap_cause, chip_bootcount_read() - 1, 0};
        log_append_event(&trap);
    }
    handoff->trap_mark = 0;
    tell_of_image(SLOT_A, boot_slot_a_read());
    tell_of_image(SLOT_B, boot_slot_b_read());
    tell_of_damage();
    events.total = log_events();
}

static void watch_entropy(void) {
    if (events.entropy_recorded || !(chip_status_read() & CHIP_STATUS_ENTROPY_FAILED_MASK)) return;
    events.entropy_recorded = true;
    const uint32_t status = trng_status_read();
    events_record(EVENT_ENTROPY, (status & TRNG_STATUS_REPETITION_MASK ? 1u : 0u) | (status & TRNG_STATUS_PROPORTION_MASK ? 2u : 0u));
}

/* As it stands in the log (formats/flash.py). */
static void encode(const struct log_event *event, uint8_t *record) {
    store_le32(record, event->event);
    store_le32(record + 4, event->detail);
    store_le32(record + 8, event->bootcount);
    store_le64(record + 12, event->ticks);
}

static bool note(const struct log_event *event) {
    uint8_t record[EVENT_RECORD_BYTES], digest[HASH_BYTES];
    encode(event, record);
    hash_begin_turboshake128(DOMAIN_EVENT);
    hash_update(record, sizeof record);
    hash_finish(digest);
    return evidence_note(KIND_ERROR, digest);
}

/* A truncation takes events from the front of the log. */
static void follow_truncation(void) {
    const uint32_t total = log_events();
    const uint32_t dropped = total < events.total ? events.total - total : 0;
    events.next -= dropped < events.next ? dropped : events.next;
    events.total = total;
}

void events_poll(void) {
    watch_entropy();
    if (events.done || !evidence_boot_is_stated() || !evidence_is_noted()) return;
    follow_truncation();
    struct log_event event;
    if (log_event_read(events.next, &event)) {
        const bool is_due = event.bootcount > events.stated_boots && event.bootcount < chip_bootcount_read();
        if (!is_due || note(&event)) events.next++;
        return;
    }
    events.done = true;
    uint8_t record[4];
    const uint32_t boots = chip_bootcount_read() - 1;
    if (boots == events.stated_boots || events.next == 0) return;
    store_le32(record, boots);
    journal_put(JOURNAL_RECORD_ERRORS_STATED, record, sizeof record);
}
