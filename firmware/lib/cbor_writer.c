#include "cbor_writer.h"

#include <stddef.h>

#include "cbor_reader.h"
#include "runtime.h"

static uint8_t *reserve(struct cbor_writer *writer, uint32_t size) {
    if (writer->overflowed || (uint32_t)(writer->end - writer->next) < size) {
        writer->overflowed = true;
        return NULL;
    }
    uint8_t *reserved = writer->next;
    writer->next += size;
    return reserved;
}

static void put_head(struct cbor_writer *writer, enum cbor_major major, uint64_t argument) {
    uint32_t information, size;
    if (argument < 24) {
        information = (uint32_t)argument;
        size = 0;
    } else if (argument <= UINT8_MAX) {
        information = 24;
        size = 1;
    } else if (argument <= UINT16_MAX) {
        information = 25;
        size = 2;
    } else if (argument <= UINT32_MAX) {
        information = 26;
        size = 4;
    } else {
        information = 27;
        size = 8;
    }
    uint8_t *head = reserve(writer, 1 + size);
    if (!head) return;
    *head = (uint8_t)((uint32_t)major << 5 | information);
    for (; size; size--, argument >>= 8) head[size] = (uint8_t)argument;
}

static void put_string(struct cbor_writer *writer, enum cbor_major major, const uint8_t *bytes, uint32_t size) {
    put_head(writer, major, size);
    uint8_t *destination = reserve(writer, size);
    if (destination) memcpy(destination, bytes, size);
}

void cbor_put_unsigned(struct cbor_writer *writer, uint64_t value) { put_head(writer, CBOR_UNSIGNED, value); }

void cbor_put_map(struct cbor_writer *writer, uint32_t pairs) { put_head(writer, CBOR_MAP, pairs); }

void cbor_put_array(struct cbor_writer *writer, uint32_t count) { put_head(writer, CBOR_ARRAY, count); }

void cbor_put_boolean(struct cbor_writer *writer, bool value) { put_head(writer, CBOR_SIMPLE, value ? 21 : 20); }

void cbor_put_bytes(struct cbor_writer *writer, const uint8_t *bytes, uint32_t size) {
    put_string(writer, CBOR_BYTES, bytes, size);
}

void cbor_put_text(struct cbor_writer *writer, const uint8_t *bytes, uint32_t size) {
    put_string(writer, CBOR_TEXT, bytes, size);
}

void cbor_put_key(struct cbor_writer *writer, const char *key) {
    uint32_t size = 0;
    while (key[size]) size++;
    put_string(writer, CBOR_TEXT, (const uint8_t *)key, size);
}

void cbor_put_pair(struct cbor_writer *writer, const char *key, uint64_t value) {
    cbor_put_key(writer, key);
    cbor_put_unsigned(writer, value);
}

uint8_t *cbor_reserve_bytes(struct cbor_writer *writer, uint32_t size) {
    put_head(writer, CBOR_BYTES, size);
    return reserve(writer, size);
}
