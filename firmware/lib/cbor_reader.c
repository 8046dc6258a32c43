#include "cbor_reader.h"

#include "utf8.h"

static bool read_argument(struct cbor_reader *reader, uint32_t information, uint64_t *argument) {
    if (information < 24) {
        *argument = information;
        return true;
    }
    if (information > 27) return false;
    const uint32_t size = 1u << (information - 24);
    if ((uint32_t)(reader->end - reader->next) < size) return false;
    uint64_t value = 0;
    for (uint32_t index = 0; index < size; index++) value = value << 8 | *reader->next++;
    *argument = value;
    return true;
}

bool cbor_read(struct cbor_reader *reader, struct cbor_item *item) {
    if (reader->next == reader->end) return false;
    const uint32_t initial = *reader->next++;
    const uint32_t information = initial & 31;
    item->major = (enum cbor_major)(initial >> 5);
    if (!read_argument(reader, information, &item->argument)) return false;

    const uint32_t left = (uint32_t)(reader->end - reader->next);
    switch (item->major) {
    case CBOR_BYTES:
    case CBOR_TEXT:
        if (item->argument > left) return false;
        item->bytes = reader->next;
        reader->next += item->argument;
        return item->major == CBOR_BYTES || utf8_is_valid(item->bytes, (uint32_t)item->argument);
    /* Every element takes a byte at least, so greater counts cannot be true. */
    case CBOR_ARRAY:
        return item->argument <= left;
    case CBOR_MAP:
        return item->argument <= left / 2;
    case CBOR_SIMPLE:
        return information != 24 || item->argument >= 32;
    default:
        return true;
    }
}

bool cbor_skip(struct cbor_reader *reader) {
    struct cbor_item item;
    for (uint32_t items = 1; items; items--) {
        if (!cbor_read(reader, &item)) return false;
        if (item.major == CBOR_ARRAY) items += (uint32_t)item.argument;
        if (item.major == CBOR_MAP) items += 2 * (uint32_t)item.argument;
        if (item.major == CBOR_TAG) items += 1;
    }
    return true;
}
