/* The hash engine: TurboSHAKE128 and SHAKE256 over any bytes, one message at a time. */
#ifndef LIVETRAP_HASH_H
#define LIVETRAP_HASH_H

#include <stdint.h>

#define HASH_BYTES 32

/* Begins a message: TurboSHAKE128 with a domain of formats/hashing.py, or SHAKE256. */
void hash_begin_turboshake128(uint8_t domain);
void hash_begin_shake256(void);

/* Appends bytes; any number, at any address. */
void hash_update(const void *bytes, uint32_t size);

/* Once the message has a multiple of 8 bytes, and more follows: hash_data_write (windows.h) may then append words of
   8 bytes, but not the last. */
void hash_flush(void);

/* Ends the message, which has at least one byte, and gives the first HASH_BYTES of its output. */
void hash_finish(uint8_t *digest);

/* LM-OTS's chaining (RFC 8554 4.3, SHAKE256/192), by hardware: value = H(I || u32str(q) || u16str(chain) || u8str(j)
   || value) for j = from to to - 1. identifier: 16 bytes. value: 24 bytes, replaced. Both at multiples of 4. */
void hash_lmots_chain(const uint8_t *identifier, uint32_t q, uint32_t chain, uint32_t from, uint32_t to, uint8_t *value);

#endif
