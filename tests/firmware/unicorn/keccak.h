/* Keccak-p[1600] as the chip's sponge uses it (FIPS 202, RFC 9861), word by word. */
#ifndef KECCAK_H
#define KECCAK_H

#include <stdbool.h>
#include <stdint.h>

struct sponge {
    uint64_t lanes[25];
    uint32_t words, rate_words, rounds;
    uint8_t domain;
};

/* Begins a message: SHAKE256, or TurboSHAKE128 with a domain. */
void sponge_begin(struct sponge *sponge, bool shake256, uint8_t domain);

/* Absorbs a whole word. */
void sponge_absorb(struct sponge *sponge, uint64_t word);

/* Ends the message behind the words absorbed, or with a partial word that carries the domain byte. The output follows
   in `lanes`. */
void sponge_finish(struct sponge *sponge);
void sponge_finish_padded(struct sponge *sponge, uint64_t word);

#endif
