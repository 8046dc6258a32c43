/* The CBOR map that a request carries, read by the names of its keys. */
#ifndef LIVETRAP_CBOR_MAP_H
#define LIVETRAP_CBOR_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "cbor_reader.h"

/* More pairs than any request needs, known and unknown keys together; and keys that one command can know. */
#define CBOR_MAP_MAX_PAIRS 32
#define CBOR_MAP_MAX_KEYS 6

/* name: of the key. major: that its value must have; CBOR_SIMPLE stands for false and true. */
struct cbor_key {
    const char *name;
    enum cbor_major major;
    bool is_required;
};

/* present: a bit for each of the known keys that the map has. item: their values. */
struct cbor_map {
    uint32_t present;
    struct cbor_item item[CBOR_MAP_MAX_KEYS];
};

/* Reads a whole body, whose known keys are the `count` given, at most CBOR_MAP_MAX_KEYS; others are passed over.
   Returns false when the body is not one map of definite length with text keys that are all different and at most
   CBOR_MAP_MAX_PAIRS, when a required key is missing, or when the value of a known key has another type. */
bool cbor_map_read(const uint8_t *body, uint32_t size, const struct cbor_key *keys, uint32_t count,
                   struct cbor_map *map);

/* Returns whether the map has the known key of this index. */
bool cbor_map_has(const struct cbor_map *map, uint32_t index);

/* Returns whether the map has it, with the value true. */
bool cbor_map_is_true(const struct cbor_map *map, uint32_t index);

#endif
