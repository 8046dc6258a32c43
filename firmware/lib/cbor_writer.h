/* A writer of CBOR in the deterministic encoding of RFC 8949 4.2.1 (the order of map keys is the caller's). */
#ifndef LIVETRAP_CBOR_WRITER_H
#define LIVETRAP_CBOR_WRITER_H

#include <stdbool.h>
#include <stdint.h>

/* Where the next byte goes. overflowed: something did not fit; it and all that followed were left out. */
struct cbor_writer {
    uint8_t *next, *end;
    bool overflowed;
};

void cbor_put_unsigned(struct cbor_writer *writer, uint64_t value);

/* A map's head: `pairs` keys and values must follow. */
void cbor_put_map(struct cbor_writer *writer, uint32_t pairs);

/* An array's head: `count` items must follow. */
void cbor_put_array(struct cbor_writer *writer, uint32_t count);

void cbor_put_boolean(struct cbor_writer *writer, bool value);

void cbor_put_bytes(struct cbor_writer *writer, const uint8_t *bytes, uint32_t size);

void cbor_put_text(struct cbor_writer *writer, const uint8_t *bytes, uint32_t size);

/* Text from a string that ends with a zero byte: map keys. */
void cbor_put_key(struct cbor_writer *writer, const char *key);

/* A key and an unsigned integer. */
void cbor_put_pair(struct cbor_writer *writer, const char *key, uint64_t value);

/* A byte string's head. Returns where its `size` bytes must be put, or NULL when they do not fit. */
uint8_t *cbor_reserve_bytes(struct cbor_writer *writer, uint32_t size);

#endif
