/* A reader of CBOR (RFC 8949) that takes definite lengths only. */
#ifndef LIVETRAP_CBOR_READER_H
#define LIVETRAP_CBOR_READER_H

#include <stdbool.h>
#include <stdint.h>

enum cbor_major {
    CBOR_UNSIGNED = 0,
    CBOR_NEGATIVE = 1,
    CBOR_BYTES = 2,
    CBOR_TEXT = 3,
    CBOR_ARRAY = 4,
    CBOR_MAP = 5,
    CBOR_TAG = 6,
    CBOR_SIMPLE = 7,
};

/* What is left to read. */
struct cbor_reader {
    const uint8_t *next, *end;
};

/* The head of a data item. argument: value, length, count, tag number or simple value. bytes: of a string. */
struct cbor_item {
    enum cbor_major major;
    uint64_t argument;
    const uint8_t *bytes;
};

/* Reads the next head, and the whole of a string. Returns false, with the reader anywhere, when it is not well
   formed, is of indefinite length, is text that is not UTF-8, or goes beyond the end. */
bool cbor_read(struct cbor_reader *reader, struct cbor_item *item);

/* Passes over one whole data item, whatever it contains. Returns false as cbor_read does. */
bool cbor_skip(struct cbor_reader *reader);

#endif
