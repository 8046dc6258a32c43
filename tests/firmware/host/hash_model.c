#include "hash_model.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>
#include <string.h>
#include <windows.h>

#include "nor_model.h"

#define TURBOSHAKE128_RATE 168
#define SHAKE256_RATE 136
#define SHAKE256_DOMAIN 0x1F
#define LMOTS_VALUE_BYTES 24

static uint64_t rotate(uint64_t lane, unsigned by) { return by ? lane << by | lane >> (64 - by) : lane; }

/* Keccak-p[1600, rounds] (FIPS 202 3.3); the round constants' bits come from the shift register of 3.2.5. */
static void keccak_p(uint64_t a[25], unsigned rounds) {
    uint8_t shifted = 1;
    for (unsigned round = 0; round < 24; round++) {
        uint64_t constant = 0;
        for (unsigned j = 0; j < 7; j++) {
            if (shifted & 1) constant |= UINT64_C(1) << ((1u << j) - 1);
            shifted = (uint8_t)(shifted << 1 ^ (shifted >> 7 ? 0x71 : 0));
        }
        if (round < 24 - rounds) continue;
        uint64_t c[5], b[25];
        for (unsigned x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (unsigned i = 0; i < 25; i++) a[i] ^= c[(i + 4) % 5] ^ rotate(c[(i + 1) % 5], 1);
        unsigned x = 1, y = 0;
        b[0] = a[0];
        for (unsigned t = 0; t < 24; t++) {
            const unsigned next_y = (2 * x + 3 * y) % 5;
            b[y + 5 * next_y] = rotate(a[x + 5 * y], (t + 1) * (t + 2) / 2 % 64);
            x = y;
            y = next_y;
        }
        for (unsigned i = 0; i < 25; i++) a[i] = b[i] ^ (~b[i / 5 * 5 + (i + 1) % 5] & b[i / 5 * 5 + (i + 2) % 5]);
        a[0] ^= constant;
    }
}

static struct sponge {
    uint64_t state[25];
    uint32_t rate, at;
    unsigned rounds;
    uint8_t domain;
} sponge;

static void begin(struct sponge *s, bool shake256, uint8_t domain) {
    memset(s, 0, sizeof *s);
    s->rate = shake256 ? SHAKE256_RATE : TURBOSHAKE128_RATE;
    s->rounds = shake256 ? 24 : 12;
    s->domain = domain;
}

static void absorb(struct sponge *s, uint8_t byte) {
    s->state[s->at / 8] ^= (uint64_t)byte << 8 * (s->at % 8);
    if (++s->at == s->rate) {
        keccak_p(s->state, s->rounds);
        s->at = 0;
    }
}

/* has_domain: the domain byte has been absorbed as the last byte of the message. */
static void finish(struct sponge *s, bool has_domain, uint8_t *output, uint32_t size) {
    if (!has_domain) s->state[s->at / 8] ^= (uint64_t)s->domain << 8 * (s->at % 8);
    s->state[(s->rate - 1) / 8] ^= UINT64_C(0x80) << 8 * ((s->rate - 1) % 8);
    keccak_p(s->state, s->rounds);
    for (uint32_t index = 0; index < size; index++) output[index] = (uint8_t)(s->state[index / 8] >> 8 * (index % 8));
}

void model_turboshake128(uint8_t domain, const uint8_t *bytes, uint32_t size, uint8_t *digest) {
    struct sponge s;
    begin(&s, false, domain);
    for (uint32_t index = 0; index < size; index++) absorb(&s, bytes[index]);
    finish(&s, false, digest, 32);
}

/* The registers. mark: what hash.last said of the next word. */
static struct {
    bool active, done, has_low;
    uint32_t low, mark;
    uint8_t digest[32];
} engine;

void hash_control_write(uint32_t value) {
    if (!(value & HASH_CONTROL_BEGIN_MASK)) return;
    memset(&engine, 0, sizeof engine);
    engine.active = true;
    begin(&sponge, value & HASH_CONTROL_SHAKE256_MASK, (uint8_t)(value >> HASH_CONTROL_DOMAIN_SHIFT));
}

void hash_last_write(uint32_t value) { engine.mark = value; }

void hash_data_write(uint32_t half_word) {
    if (!engine.active) chip_misused("hash data without a message");
    if (!engine.has_low) {
        engine.low = half_word;
        engine.has_low = true;
        return;
    }
    engine.has_low = false;
    const uint64_t word = engine.low | (uint64_t)half_word << 32;
    const bool is_last = engine.mark & HASH_LAST_LAST_MASK;
    const bool is_padded = is_last && engine.mark & HASH_LAST_PADDED_MASK;
    if (!is_padded) {
        for (unsigned byte = 0; byte < 8; byte++) absorb(&sponge, (uint8_t)(word >> 8 * byte));
    } else {
        /* The domain byte is in the word: the rest of the block must not be permuted before the padding ends. */
        sponge.state[sponge.at / 8] ^= word;
    }
    if (is_last) {
        finish(&sponge, is_padded, engine.digest, sizeof engine.digest);
        engine.active = false;
        engine.done = true;
    }
}

uint32_t hash_status_read(void) {
    return (engine.active ? HASH_STATUS_BUSY_MASK : 0) | (engine.done ? HASH_STATUS_DONE_MASK : 0);
}

uint32_t hash_digest_read(uint32_t word) {
    uint32_t value;
    memcpy(&value, engine.digest + 4 * word, sizeof value);
    return value;
}

static struct {
    uint32_t index, words[16];
} lmots;

void lmots_index_write(uint32_t value) { lmots.index = value; }
void lmots_data_write(uint32_t value) { lmots.words[lmots.index++ & 15] = value; }

void lmots_start_write(uint32_t value) {
    if (!(value & LMOTS_START_START_MASK)) return;
    const uint32_t q = lmots.words[4], chain = lmots.words[5] & 0xFFFF, end = lmots.words[5] >> 24;
    for (uint32_t j = lmots.words[5] >> 16 & 0xFF; j < end; j++) {
        struct sponge s;
        const uint8_t middle[7] = {(uint8_t)(q >> 24), (uint8_t)(q >> 16),    (uint8_t)(q >> 8), (uint8_t)q,
                                   (uint8_t)(chain >> 8), (uint8_t)chain, (uint8_t)j};
        begin(&s, true, SHAKE256_DOMAIN);
        for (uint32_t byte = 0; byte < 16; byte++) absorb(&s, (uint8_t)(lmots.words[byte / 4] >> 8 * (byte % 4)));
        for (uint32_t byte = 0; byte < sizeof middle; byte++) absorb(&s, middle[byte]);
        for (uint32_t byte = 0; byte < LMOTS_VALUE_BYTES; byte++) {
            absorb(&s, (uint8_t)(lmots.words[6 + byte / 4] >> 8 * (byte % 4)));
        }
        uint8_t value_bytes[LMOTS_VALUE_BYTES];
        finish(&s, false, value_bytes, sizeof value_bytes);
        memcpy(&lmots.words[6], value_bytes, sizeof value_bytes);
    }
}

uint32_t lmots_status_read(void) { return 0; }
uint32_t lmots_value_read(uint32_t word) { return lmots.words[6 + word]; }
