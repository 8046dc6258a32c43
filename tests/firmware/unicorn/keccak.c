#include "keccak.h"

#include <string.h>

#define ROUNDS 24

static const uint64_t constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* rho and pi (FIPS 202 3.2.2, 3.2.3) in the order in which each lane moves to the place of the next. */
static const uint8_t places[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                   15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const uint8_t rotations[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                      27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static inline uint64_t rotate(uint64_t value, unsigned by) { return value << by | value >> (64 - by); }

/* The last `rounds` rounds of Keccak-f[1600]. */
static void permute(uint64_t *a, uint32_t rounds) {
    for (uint32_t round = ROUNDS - rounds; round < ROUNDS; round++) {
        uint64_t parity[5];
        for (int x = 0; x < 5; x++) parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (int x = 0; x < 5; x++) {
            const uint64_t change = parity[(x + 4) % 5] ^ rotate(parity[(x + 1) % 5], 1);
            for (int y = 0; y < 25; y += 5) a[x + y] ^= change;
        }
        uint64_t moving = a[1];
        for (int step = 0; step < 24; step++) {
            const uint64_t next = a[places[step]];
            a[places[step]] = rotate(moving, rotations[step]);
            moving = next;
        }
        for (int y = 0; y < 25; y += 5) {
            const uint64_t row[5] = {a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]};
            for (int x = 0; x < 5; x++) a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
        a[0] ^= constants[round];
    }
}

void sponge_begin(struct sponge *sponge, bool shake256, uint8_t domain) {
    memset(sponge, 0, sizeof *sponge);
    sponge->rate_words = shake256 ? 17 : 21;
    sponge->rounds = shake256 ? 24 : 12;
    sponge->domain = shake256 ? 0x1F : domain;
}

void sponge_absorb(struct sponge *sponge, uint64_t word) {
    sponge->lanes[sponge->words++] ^= word;
    if (sponge->words < sponge->rate_words) return;
    permute(sponge->lanes, sponge->rounds);
    sponge->words = 0;
}

void sponge_finish_padded(struct sponge *sponge, uint64_t word) {
    sponge->lanes[sponge->words] ^= word;
    sponge->lanes[sponge->rate_words - 1] ^= 1ull << 63;
    permute(sponge->lanes, sponge->rounds);
}

void sponge_finish(struct sponge *sponge) { sponge_finish_padded(sponge, sponge->domain); }
