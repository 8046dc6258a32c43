/* Sectors of records in flash: what journal and log have in common (formats/flash.py). Places are flash offsets. */
#ifndef LIVETRAP_SECTORS_H
#define LIVETRAP_SECTORS_H

#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

/* A record's head, and where it stands. */
struct record {
    uint32_t place, type, length, crc;
};

/* Returns the bytes that a record takes. */
static inline uint32_t record_bytes(uint32_t length) { return RECORD_HEADER_BYTES + ((length + 3) & ~3u); }

/* Returns the place behind a record. */
static inline uint32_t record_end(const struct record *record) {
    return record->place + record_bytes(record->length);
}

/* Returns the place of a record's payload. */
static inline uint32_t record_payload(const struct record *record) { return record->place + RECORD_HEADER_BYTES; }

/* Reads the head at a place. Returns false when no record stands there: free space, the sector's end, or a head whose
   record would not fit its sector. */
bool record_at(uint32_t place, struct record *record);

/* Returns whether the CRC is right. */
bool record_is_intact(const struct record *record);

/* Copies the payload, and returns whether the copy's CRC is right. */
bool record_read(const struct record *record, void *payload);

/* Programs a record on free space, the head before the payload, and reads it back. Returns whether it is there. */
bool record_program(uint32_t place, uint32_t type, const void *payload, uint32_t length);

/* Programs a copy of a record on free space. Returns whether it is there. */
bool record_copy(const struct record *record, uint32_t place);

/* Reads the header of the sector that begins at a place. Returns whether it is one, with its sequence. */
bool sector_header_read(uint32_t place, uint32_t magic, uint32_t *sequence);

/* Programs the header of an erased sector, and reads it back. Returns whether it is there. */
bool sector_header_program(uint32_t place, uint32_t magic, uint32_t sequence);

#endif
