#include "hash.h"

#include <livetrap_csr.h>
#include <stdbool.h>
#include <windows.h>

#include "bytes.h"
#include "runtime.h"

#define SHAKE256_DOMAIN 0x1Fu
#define WORD_BYTES 8u

/* Looks at a status before an engine is given up. A chain is at most 15 permutations, and the sponge may be another's
   meanwhile. */
#define ATTEMPTS 65536u

#define LMOTS_INDEX_IDENTIFIER 0u
#define LMOTS_INDEX_VALUE 6u
#define IDENTIFIER_WORDS 4u
#define VALUE_WORDS 6u

/* pending: the last bytes given, `count` of them: 1 to WORD_BYTES once there are any, since the message's last word
   is marked before it is written. */
static struct {
    uint32_t domain, count;
    uint32_t pending[2];
} message;

static void begin(uint32_t domain, uint32_t shake256) {
    message.domain = domain;
    message.count = 0;
    message.pending[0] = message.pending[1] = 0;
    hash_control_write(HASH_CONTROL_BEGIN_MASK | shake256 | domain << HASH_CONTROL_DOMAIN_SHIFT);
}

void hash_begin_turboshake128(uint8_t domain) { begin(domain, 0); }

void hash_begin_shake256(void) { begin(SHAKE256_DOMAIN, HASH_CONTROL_SHAKE256_MASK); }

static void write_pending(void) {
    hash_data_write(message.pending[0]);
    hash_data_write(message.pending[1]);
    message.pending[0] = message.pending[1] = 0;
    message.count = 0;
}

static void append(uint32_t bytes, uint32_t size) {
    message.pending[message.count / 4] |= bytes << 8 * (message.count % 4);
    message.count += size;
}

/* Whole words of a message that are not its last, without a copy. Returns how many bytes they had. */
static uint32_t write_words(const uint8_t *bytes, uint32_t size) {
    const uint32_t whole = (size - 1) / WORD_BYTES * WORD_BYTES;
    const uint8_t *end = bytes + whole;
    if (misalignment(bytes)) {
        for (; bytes != end; bytes += 4) hash_data_write(load_le32(bytes));
    } else {
        for (; bytes != end; bytes += WORD_BYTES) {
            hash_data_write(load_aligned(bytes));
            hash_data_write(load_aligned(bytes + 4));
        }
    }
    return whole;
}

void hash_flush(void) {
    if (message.count) write_pending();
}

void hash_update(const void *bytes, uint32_t size) {
    const uint8_t *next = bytes;
    while (size) {
        if (message.count == WORD_BYTES) write_pending();
        if (message.count == 0 && size > WORD_BYTES) {
            const uint32_t written = write_words(next, size);
            next += written;
            size -= written;
        }
        const uint32_t step = size >= 4 && message.count % 4 == 0 ? 4 : 1;
        append(step == 4 ? load_le32(next) : *next, step);
        next += step;
        size -= step;
    }
}

void hash_finish(uint8_t *digest) {
    const bool padded = message.count < WORD_BYTES;
    if (padded) append(message.domain, 1);
    hash_last_write(HASH_LAST_LAST_MASK | (padded ? HASH_LAST_PADDED_MASK : 0));
    write_pending();
    memset(digest, 0, HASH_BYTES);
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!(hash_status_read() & HASH_STATUS_DONE_MASK)) continue;
        for (uint32_t word = 0; word < HASH_BYTES / 4; word++) store_le32(digest + 4 * word, hash_digest_read(word));
        return;
    }
}

void hash_lmots_chain(const uint8_t *identifier, uint32_t q, uint32_t chain, uint32_t from, uint32_t to,
                      uint8_t *value) {
    lmots_index_write(LMOTS_INDEX_IDENTIFIER);
    for (uint32_t word = 0; word < IDENTIFIER_WORDS; word++) lmots_data_write(load_aligned(identifier + 4 * word));
    lmots_data_write(q);
    lmots_data_write(chain | from << 16 | to << 24);
    for (uint32_t word = 0; word < VALUE_WORDS; word++) lmots_data_write(load_aligned(value + 4 * word));
    lmots_start_write(LMOTS_START_START_MASK);
    memset(value, 0, 4 * VALUE_WORDS);
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (lmots_status_read() & LMOTS_STATUS_BUSY_MASK) continue;
        for (uint32_t word = 0; word < VALUE_WORDS; word++) store_aligned(value + 4 * word, lmots_value_read(word));
        return;
    }
}
