#include "cbor_map.h"

#include "runtime.h"

enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21 };

static bool is_duplicate(const struct cbor_item *names, uint32_t count, const struct cbor_item *name) {
    for (uint32_t index = 0; index < count; index++) {
        if (names[index].argument != name->argument) continue;
        if (memcmp(names[index].bytes, name->bytes, (uint32_t)name->argument) == 0) return true;
    }
    return false;
}

static bool is_named(const struct cbor_item *name, const char *known) {
    uint32_t at = 0;
    for (; known[at]; at++) {
        if (at == name->argument || name->bytes[at] != (uint8_t)known[at]) return false;
    }
    return at == name->argument;
}

static bool read_value(struct cbor_reader *reader, enum cbor_major major, struct cbor_item *value) {
    if (!cbor_read(reader, value) || value->major != major) return false;
    return major != CBOR_SIMPLE || value->argument == SIMPLE_FALSE || value->argument == SIMPLE_TRUE;
}

/* names: those of the `before` pairs that were read already, to which this one's is added. */
static bool read_pair(struct cbor_reader *reader, struct cbor_item *names, uint32_t before,
                      const struct cbor_key *keys, uint32_t count, struct cbor_map *map) {
    struct cbor_item *name = &names[before];
    if (!cbor_read(reader, name) || name->major != CBOR_TEXT || is_duplicate(names, before, name)) return false;
    for (uint32_t index = 0; index < count; index++) {
        if (!is_named(name, keys[index].name)) continue;
        map->present |= 1u << index;
        return read_value(reader, keys[index].major, &map->item[index]);
    }
    return cbor_skip(reader);
}

bool cbor_map_read(const uint8_t *body, uint32_t size, const struct cbor_key *keys, uint32_t count,
                   struct cbor_map *map) {
    static struct cbor_item names[CBOR_MAP_MAX_PAIRS];
    struct cbor_reader reader = {body, body + size};
    struct cbor_item head;
    map->present = 0;
    if (!cbor_read(&reader, &head) || head.major != CBOR_MAP || head.argument > CBOR_MAP_MAX_PAIRS) return false;
    for (uint32_t pair = 0; pair < head.argument; pair++) {
        if (!read_pair(&reader, names, pair, keys, count, map)) return false;
    }
    for (uint32_t index = 0; index < count; index++) {
        if (keys[index].is_required && !cbor_map_has(map, index)) return false;
    }
    return reader.next == reader.end;
}

bool cbor_map_has(const struct cbor_map *map, uint32_t index) { return map->present >> index & 1; }

bool cbor_map_is_true(const struct cbor_map *map, uint32_t index) {
    return cbor_map_has(map, index) && map->item[index].argument == SIMPLE_TRUE;
}
