#include <livetrap_formats.h>
#include <retained.h>

#include "log.h"
#include "runtime.h"

#define LOG_MAGIC 0x4C54474Cu

/* count_check: makes a header that was never written improbable. */
struct header {
    uint32_t magic, count, count_check, reserved;
};

struct entry {
    uint64_t seq;
    uint32_t checksum, reserved;
    uint32_t words[STATEMENT_BYTES / 4];
};

_Static_assert(STATEMENT_BYTES % 8 == 0, "entries are checked and copied by words");

static struct {
    struct header *header;
    struct entry *entries;
    uint32_t capacity;
    uint64_t next_seq;
} log;

static uint32_t checksum(const struct entry *entry) {
    uint32_t sum = (uint32_t)entry->seq ^ (uint32_t)(entry->seq >> 32) ^ LOG_MAGIC;
    for (uint32_t index = 0; index < STATEMENT_BYTES / 4; index++) {
        sum = (sum ^ entry->words[index]) * 0x01000193u + 1;
    }
    return sum;
}

static uint32_t count_check(uint32_t count) { return ~(count * 0x9E3779B1u ^ log.capacity); }

static void set_count(uint32_t count) {
    log.header->count = count;
    log.header->count_check = count_check(count);
    log.header->magic = LOG_MAGIC;
}

static bool is_usable(uint64_t next_seq) {
    const struct header *header = log.header;
    if (header->magic != LOG_MAGIC || header->count > log.capacity) return false;
    if (header->count_check != count_check(header->count)) return false;
    return header->count == 0 || log.entries[header->count - 1].seq < next_seq;
}

void log_initialise(uint64_t next_seq) {
    uint8_t *memory = retained_log();
    log.header = (struct header *)memory;
    log.entries = (struct entry *)(memory + sizeof(struct header));
    log.capacity = (retained_log_bytes() - sizeof(struct header)) / sizeof(struct entry);
    log.next_seq = next_seq;
    if (!is_usable(next_seq)) set_count(0);
}

uint32_t log_capacity(void) { return log.capacity; }

bool log_is_full(void) { return log.header->count >= log.capacity; }

bool log_is_empty(void) { return log.header->count == 0; }

uint64_t log_first(void) { return log_is_empty() ? log.next_seq : log.entries[0].seq; }

uint64_t log_next(void) { return log_is_empty() ? log.next_seq : log.entries[log.header->count - 1].seq + 1; }

uint8_t *log_prepare(void) { return (uint8_t *)log.entries[log.header->count].words; }

void log_append(uint64_t seq) {
    struct entry *entry = &log.entries[log.header->count];
    entry->seq = seq;
    entry->checksum = checksum(entry);
    set_count(log.header->count + 1);
}

const uint8_t *log_find(uint64_t seq) {
    for (uint32_t index = 0; index < log.header->count; index++) {
        const struct entry *entry = &log.entries[index];
        if (entry->seq == seq) return entry->checksum == checksum(entry) ? (const uint8_t *)entry->words : NULL;
    }
    return NULL;
}
