#include "sectors.h"

#include "bytes.h"
#include "crc32.h"
#include "flash.h"
#include "runtime.h"

#define PIECE_BYTES 64u

/* The CRC covers all of the head that stands before it. */
#define HEAD_BYTES_COVERED 4u

_Static_assert(RECORD_HEADER_BYTES == HEAD_BYTES_COVERED + 4, "a head is type, length and CRC");

static uint32_t head_crc(uint32_t type, uint32_t length) {
    uint8_t head[HEAD_BYTES_COVERED];
    store_le32(head, type | length << 16);
    return crc32(CRC32_START, head, sizeof head);
}

bool record_at(uint32_t place, struct record *record) {
    uint8_t head[RECORD_HEADER_BYTES];
    const uint32_t offset = place % SECTOR_BYTES;
    if (offset < SECTOR_HEADER_BYTES || SECTOR_BYTES - offset < RECORD_HEADER_BYTES) return false;
    flash_read(place, head, sizeof head);
    const uint32_t first = load_le32(head);
    *record = (struct record){place, first & UINT16_MAX, first >> 16, load_le32(head + 4)};
    return record_bytes(record->length) <= SECTOR_BYTES - offset;
}

bool record_is_intact(const struct record *record) {
    uint8_t piece[PIECE_BYTES];
    uint32_t crc = head_crc(record->type, record->length), place = record_payload(record);
    for (uint32_t left = record->length; left;) {
        const uint32_t size = left < sizeof piece ? left : sizeof piece;
        flash_read(place, piece, size);
        crc = crc32(crc, piece, size);
        place += size;
        left -= size;
    }
    return crc == record->crc;
}

bool record_read(const struct record *record, void *payload) {
    flash_read(record_payload(record), payload, record->length);
    return crc32(head_crc(record->type, record->length), payload, record->length) == record->crc;
}

static bool is_programmed(uint32_t place, uint32_t type, uint32_t length, uint32_t crc) {
    struct record record;
    if (!record_at(place, &record) || record.type != type || record.length != length) return false;
    return record.crc == crc && record_is_intact(&record);
}

static bool program_head(uint32_t place, uint32_t type, uint32_t length, uint32_t crc) {
    uint8_t head[RECORD_HEADER_BYTES];
    store_le32(head, type | length << 16);
    store_le32(head + 4, crc);
    return flash_program(place, head, sizeof head);
}

bool record_program(uint32_t place, uint32_t type, const void *payload, uint32_t length) {
    const uint32_t crc = crc32(head_crc(type, length), payload, length);
    if (!program_head(place, type, length, crc)) return false;
    if (!flash_program(place + RECORD_HEADER_BYTES, payload, length)) return false;
    return is_programmed(place, type, length, crc);
}

bool record_copy(const struct record *record, uint32_t place) {
    uint8_t piece[PIECE_BYTES];
    if (!program_head(place, record->type, record->length, record->crc)) return false;
    for (uint32_t done = 0; done < record->length;) {
        const uint32_t left = record->length - done;
        const uint32_t size = left < sizeof piece ? left : sizeof piece;
        flash_read(record_payload(record) + done, piece, size);
        if (!flash_program(place + RECORD_HEADER_BYTES + done, piece, size)) return false;
        done += size;
    }
    return is_programmed(place, record->type, record->length, record->crc);
}

static void make_header(uint8_t *header, uint32_t magic, uint32_t sequence) {
    store_le32(header, magic);
    store_le32(header + 4, sequence);
    store_le32(header + 8, ~sequence);
    store_le32(header + 12, crc32(CRC32_START, header, 12));
}

bool sector_header_read(uint32_t place, uint32_t magic, uint32_t *sequence) {
    uint8_t header[SECTOR_HEADER_BYTES], expected[SECTOR_HEADER_BYTES];
    uint32_t begins;
    /* Most sectors are erased. */
    flash_read(place, &begins, sizeof begins);
    if (begins != magic) return false;
    flash_read(place, header, sizeof header);
    *sequence = load_le32(header + 4);
    make_header(expected, magic, *sequence);
    return memcmp(header, expected, sizeof header) == 0;
}

bool sector_header_program(uint32_t place, uint32_t magic, uint32_t sequence) {
    uint8_t header[SECTOR_HEADER_BYTES];
    uint32_t found;
    make_header(header, magic, sequence);
    if (!flash_program(place, header, sizeof header)) return false;
    return sector_header_read(place, magic, &found) && found == sequence;
}
