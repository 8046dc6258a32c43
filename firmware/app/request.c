#include "request.h"

#include "cbor_reader.h"
#include "runtime.h"

static const struct {
    const char *key;
    uint8_t key_size;
    uint8_t major;
} fields[FIELD_KINDS] = {
    [FIELD_ID] = {"id", 2, CBOR_UNSIGNED},     [FIELD_NONCE] = {"nonce", 5, CBOR_BYTES},
    [FIELD_SEQ] = {"seq", 3, CBOR_UNSIGNED},   [FIELD_OFF] = {"off", 3, CBOR_UNSIGNED},
    [FIELD_LEN] = {"len", 3, CBOR_UNSIGNED},   [FIELD_ADDR] = {"addr", 4, CBOR_UNSIGNED},
    [FIELD_DATA] = {"data", 4, CBOR_BYTES},    [FIELD_RATE] = {"rate", 4, CBOR_UNSIGNED},
    [FIELD_TEXT] = {"d", 1, CBOR_TEXT},        [FIELD_COUNT] = {"count", 5, CBOR_UNSIGNED},
    [FIELD_OPEN] = {"open", 4, CBOR_UNSIGNED}, [FIELD_ITERATIONS] = {"iterations", 10, CBOR_UNSIGNED},
    [FIELD_END] = {"end", 3, CBOR_UNSIGNED},   [FIELD_DIGEST] = {"digest", 6, CBOR_BYTES},
    [FIELD_STATE] = {"state", 5, CBOR_UNSIGNED}, [FIELD_INDEX] = {"index", 5, CBOR_UNSIGNED},
};

static bool is_duplicate(const struct cbor_item *keys, uint32_t count, const struct cbor_item *key) {
    for (uint32_t index = 0; index < count; index++) {
        if (keys[index].argument != key->argument) continue;
        if (memcmp(keys[index].bytes, key->bytes, (uint32_t)key->argument) == 0) return true;
    }
    return false;
}

static enum request_field find_field(const struct cbor_item *key, uint32_t accepted) {
    uint32_t field = 0;
    for (; field < FIELD_KINDS; field++) {
        if (!(accepted >> field & 1) || key->argument != fields[field].key_size) continue;
        if (memcmp(key->bytes, fields[field].key, fields[field].key_size) == 0) break;
    }
    return (enum request_field)field;
}

/* All zeros stand in a statement for "nobody asked", and for "no digest". */
static bool is_given(const struct cbor_item *value) {
    uint8_t any = 0;
    if (value->argument != NONCE_BYTES) return false;
    for (uint32_t index = 0; index < NONCE_BYTES; index++) any |= value->bytes[index];
    return any != 0;
}

static bool read_pairs(struct request *request, struct cbor_reader *reader, uint32_t pairs, uint32_t accepted) {
    static struct cbor_item keys[REQUEST_MAX_PAIRS];
    for (uint32_t count = 0; count < pairs; count++) {
        struct cbor_item *key = &keys[count];
        if (!cbor_read(reader, key) || key->major != CBOR_TEXT || is_duplicate(keys, count, key)) return false;
        const enum request_field field = find_field(key, accepted);
        if (field == FIELD_KINDS) {
            if (!cbor_skip(reader)) return false;
            continue;
        }
        struct cbor_item value;
        if (!cbor_read(reader, &value) || value.major != fields[field].major) return false;
        if ((field == FIELD_NONCE || field == FIELD_DIGEST) && !is_given(&value)) return false;
        request->present |= FIELD_BIT(field);
        request->field[field].number = value.argument;
        request->field[field].bytes = value.bytes;
    }
    return true;
}

bool request_read(struct request *request, const uint8_t *body, uint32_t size, uint32_t required, uint32_t optional) {
    struct cbor_reader reader = {body, body + size};
    struct cbor_item map;
    request->present = 0;
    if (!cbor_read(&reader, &map) || map.major != CBOR_MAP || map.argument > REQUEST_MAX_PAIRS) return false;
    if (!read_pairs(request, &reader, (uint32_t)map.argument, required | optional)) return false;
    if (reader.next != reader.end || (request->present & required) != required) return false;
    return !request_has(request, FIELD_ID) || request->field[FIELD_ID].number <= UINT32_MAX;
}
