#include "flash_operations.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "chip_model.h"
#include "crc32.h"
#include "flash.h"
#include "hash.h"
#include "journal.h"
#include "life_model.h"
#include "log.h"
#include "nor_model.h"

/* Slots, journal and the log of the smallest configuration. */
#define SAVED_BYTES (1u << 18)

_Static_assert(LOG_OFFSET + LOG_SECTORS * SECTOR_BYTES <= SAVED_BYTES, "all that is used can be saved");

static uint8_t output[1 << 18], saved[SAVED_BYTES], saved_fuses[OTP_BYTES];
static bool is_off;

static uint64_t number(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint32_t put(const void *bytes, uint32_t size) {
    memcpy(output, bytes, size);
    return size;
}

static uint32_t put_bool(bool value) {
    output[0] = value;
    return 1;
}

/* What is given or asked for stands in memory of exactly its size, so that the sanitizer sees a byte read or written
   behind it. Freed when the operation is over, or power is cut in it. */
static uint8_t *exact;

static uint8_t *exactly(const void *bytes, uint32_t size) {
    exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    return exact;
}

static uint32_t log_status(bool is_usable) {
    const struct log_state *state = log_recovered();
    uint32_t sector;
    const bool is_damaged = log_is_damaged(&sector);
    const uint64_t numbers[] = {
        is_usable,      state->seq,         state->bootcount, state->macs, log_first(),    log_next(), log_capacity(),
        log_is_full(), log_is_exhausted(), log_is_empty(),   is_damaged,  is_damaged ? sector : 0, log_events(),
    };
    memcpy(output, numbers, sizeof numbers);
    memcpy(output + sizeof numbers, state->chain, sizeof state->chain);
    return sizeof numbers + sizeof state->chain;
}

static uint32_t read_statement(uint64_t seq) {
    uint8_t *statement = exactly(output, STATEMENT_BYTES);
    return log_read(seq, statement) ? put(statement, STATEMENT_BYTES) : 0;
}

static uint32_t append_statement(const uint8_t *input, uint32_t size) {
    return put_bool(log_append_statement(number(input), exactly(input + 8, size - 8)));
}

static uint32_t append_event(const uint8_t *input) {
    struct log_event event = {.ticks = number(input + 12)};
    memcpy(&event.event, input, 4);
    memcpy(&event.detail, input + 4, 4);
    memcpy(&event.bootcount, input + 8, 4);
    return put_bool(log_append_event(&event));
}

static uint32_t read_event(uint32_t index) {
    struct log_event event;
    if (!log_event_read(index, &event)) return 0;
    memcpy(output, &event.event, 4);
    memcpy(output + 4, &event.detail, 4);
    memcpy(output + 8, &event.bootcount, 4);
    memcpy(output + 12, &event.ticks, 8);
    return 20;
}

static uint32_t hash_pieces(uint64_t domain, uint64_t piece, const uint8_t *message, uint32_t size) {
    if (domain) {
        hash_begin_turboshake128((uint8_t)domain);
    } else {
        hash_begin_shake256();
    }
    for (uint32_t at = 0; at < size; at += (uint32_t)piece) {
        const uint32_t left = size - at;
        hash_update(message + at, left < piece ? left : (uint32_t)piece);
    }
    hash_finish(output);
    return HASH_BYTES;
}

static uint32_t carry_out(int operation, const uint8_t *input, uint32_t size) {
    const struct nor_counts counts = nor_get_counts();
    uint32_t crc = 0;
    switch (operation) {
    case 'z':
        nor_blank();
        return 0;
    case 'c':
        nor_cut_at(number(input), number(input + 8));
        return 0;
    case 'f':
        nor_fail(number(input), number(input + 8));
        return 0;
    case 'i':
        if (!flash_initialise()) return put_bool(false);
        journal_initialise();
        return log_status(log_initialise());
    case 's':
        return log_status(true);
    case 'a':
        return append_statement(input, size);
    case 'e':
        return append_event(input);
    case 'r':
        return read_statement(number(input));
    case 'v':
        return read_event((uint32_t)number(input));
    case 'j':
        return put_bool(journal_put((uint32_t)number(input), exactly(input + 8, size - 8), size - 8));
    case 'g':
        return journal_get((uint32_t)number(input), output, JOURNAL_MAX_BYTES);
    case 't':
        return put_bool(log_truncate(number(input)));
    case 'm':
        return put(nor_memory() + number(input), (uint32_t)number(input + 8));
    case 'w':
        memcpy(nor_memory() + number(input), input + 8, size - 8);
        return 0;
    case 'u':
        memcpy(saved, nor_memory(), sizeof saved);
        memcpy(saved_fuses, life_fuses(), sizeof saved_fuses);
        return 0;
    case 'o':
        memcpy(nor_memory(), saved, sizeof saved);
        memcpy(life_fuses(), saved_fuses, sizeof saved_fuses);
        return 0;
    case 'n':
        return put(&counts, sizeof counts);
    case 'h':
        return hash_pieces(number(input), number(input + 8), input + 16, size - 16);
    case 'l':
        memcpy(output, input + 48, 24);
        hash_lmots_chain(input + 32, (uint32_t)number(input), (uint32_t)number(input + 8),
                         (uint32_t)number(input + 16), (uint32_t)number(input + 24), output);
        return 24;
    case 'k':
        for (uint32_t at = 8, step = (uint32_t)number(input); at < size; at += step) {
            crc = crc32(crc, input + at, size - at < step ? size - at : step);
        }
        return put(&crc, sizeof crc);
    case 'x':
        flash_read((uint32_t)number(input), output, (uint32_t)number(input + 8));
        return (uint32_t)number(input + 8);
    case 'y':
        return put_bool(flash_program((uint32_t)number(input), input + 8, size - 8));
    case 'q':
        return put_bool(flash_erase_sector((uint32_t)number(input)));
    default:
        abort();
    }
}

uint32_t flash_operation(int operation, const uint8_t *input, uint32_t size, const uint8_t **answer) {
    jmp_buf cut;
    *answer = output;
    if (operation == 'p') {
        chip_power_on();
        is_off = false;
        return 0;
    }
    if (is_off && !strchr("zmwuo", operation)) return POWER_IS_OFF;
    volatile uint32_t answered = POWER_IS_OFF;
    if (setjmp(cut)) {
        is_off = true;
    } else {
        chip_until_power_cut(&cut);
        answered = carry_out(operation, input, size);
    }
    chip_until_power_cut(NULL);
    free(exact);
    exact = NULL;
    return answered;
}
