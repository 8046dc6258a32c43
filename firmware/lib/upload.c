#include "upload.h"

#include <livetrap_formats.h>

#include "bytes.h"
#include "crc32.h"
#include "flash.h"
#include "runtime.h"
#include "slots.h"

/* The record of the trailer: length, SHA-256, CRC-32 of both. */
enum { RECORD_LENGTH = 0, RECORD_SHA = 4, RECORD_CRC = RECORD_SHA + SHA256_BYTES, RECORD_BYTES = RECORD_CRC + 4 };

/* has_name: sha holds the file's SHA-256. */
static struct {
    uint32_t slot, next, length;
    bool has_name;
    uint8_t sha[SHA256_BYTES];
} upload;

uint32_t upload_next(void) { return upload.next; }

uint32_t upload_length(void) { return upload.length; }

static uint32_t slot_base(void) { return upload.slot * SLOT_BYTES; }

/* Returns the first byte of the last page that has a bit programmed, since a power cut may have torn that page;
   programming it once more with the same bytes completes it. */
static uint32_t last_programmed_page(void) {
    for (uint32_t page = TRAILER_OFFSET; page;) {
        page -= PROGRAM_BYTES;
        for (uint32_t at = 0; at < PROGRAM_BYTES;) {
            uint8_t piece[64], all = 0xFF;
            slot_read(upload.slot, page + at, piece, sizeof piece);
            for (uint32_t index = 0; index < sizeof piece; index++) all &= piece[index];
            if (all != 0xFF) return page;
            at += sizeof piece;
        }
    }
    return 0;
}

void upload_initialise(uint32_t slot) {
    uint8_t record[RECORD_BYTES];
    memset(&upload, 0, sizeof upload);
    upload.slot = slot;
    slot_read(slot, TRAILER_OFFSET + UPLOAD_OFFSET, record, sizeof record);
    const uint32_t length = load_le32(record + RECORD_LENGTH);
    if (load_le32(record + RECORD_CRC) != crc32(CRC32_START, record, RECORD_CRC) || length > TRAILER_OFFSET) return;
    upload.length = length;
    upload.has_name = true;
    memcpy(upload.sha, record + RECORD_SHA, SHA256_BYTES);
    const uint32_t page = last_programmed_page();
    upload.next = page < length ? page : length;
}

bool upload_begin(uint32_t length, const uint8_t *sha) {
    const uint32_t slot = upload.slot;
    uint8_t record[RECORD_BYTES];
    memset(&upload, 0, sizeof upload);
    upload.slot = slot;
    if (!slot_erase(slot)) return false;
    if (sha) {
        /* Written when all is erased: a slot with a record holds nothing but what was uploaded since. */
        store_le32(record + RECORD_LENGTH, length);
        memcpy(record + RECORD_SHA, sha, SHA256_BYTES);
        store_le32(record + RECORD_CRC, crc32(CRC32_START, record, RECORD_CRC));
        if (!flash_program(slot_base() + TRAILER_OFFSET + UPLOAD_OFFSET, record, sizeof record)) return false;
        memcpy(upload.sha, sha, SHA256_BYTES);
        upload.has_name = true;
    }
    upload.length = length;
    return true;
}

bool upload_resume(uint32_t length, const uint8_t *sha) {
    return upload.has_name && upload.length == length && memcmp(upload.sha, sha, SHA256_BYTES) == 0;
}

bool upload_append(const uint8_t *bytes, uint32_t size) {
    if (!flash_program(slot_base() + upload.next, bytes, size)) return false;
    upload.next += size;
    return true;
}
