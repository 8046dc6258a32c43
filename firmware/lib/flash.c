#include "flash.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "bytes.h"
#include "runtime.h"
#include "timeout.h"

#define STATUS_BUSY 0x01u
#define JEDEC_ID_BYTES 3u

/* Looks at flash.status before the controller is given up: it needs less than 128 cycles for what is waited for. */
#define ATTEMPTS 1024u

/* Bounds on what the part does, for clocks of up to 80 MHz: it needs at most 3 ms for a page, 400 ms for a sector and
   30 us for a reset. */
#define PROGRAM_TICKS (1u << 13)
#define ERASE_TICKS (1u << 19)
#define RESET_TICKS (1u << 6)

static bool await(uint32_t mask) {
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (flash_status_read() & mask) return true;
    }
    return false;
}

static bool send(uint32_t byte, bool last) {
    if (!await(FLASH_STATUS_READY_MASK)) return false;
    flash_write_write((byte & 0xFF) << FLASH_WRITE_DATA_SHIFT | (last ? FLASH_WRITE_LAST_MASK : 0));
    return true;
}

/* A command with an address, to be followed by more unless `last`. */
static bool send_to(uint32_t command, uint32_t offset, bool last) {
    const uint32_t address = FLASH_OFFSET + offset;
    return send(command, false) && send(address >> 16, false) && send(address >> 8, false) && send(address, last);
}

static bool begin_read(uint32_t size) {
    if (!await(FLASH_STATUS_READY_MASK)) return false;
    flash_read_count_write(size);
    return true;
}

/* Four bytes, or what is left of the read. */
static bool next_word(uint32_t *word) {
    if (!await(FLASH_STATUS_WORD_VALID_MASK)) return false;
    *word = flash_word_read();
    return true;
}

static bool await_part(uint32_t ticks) {
    const uint64_t start = chip_ticks_read();
    for (;;) {
        const bool is_late = ticks_have_passed(start, ticks);
        uint32_t status;
        if (!send(FLASH_COMMAND_READ_STATUS, false) || !begin_read(1) || !next_word(&status)) return false;
        if (!(status & STATUS_BUSY)) return true;
        if (is_late) return false;
    }
}

bool flash_initialise(void) {
    uint32_t identifier;
    /* A reset in the middle of a program or an erase would leave it half done. */
    if (!await_part(ERASE_TICKS)) return false;
    if (!send(FLASH_COMMAND_ENABLE_RESET, true) || !send(FLASH_COMMAND_RESET, true)) return false;
    const uint64_t start = chip_ticks_read();
    while (!ticks_have_passed(start, RESET_TICKS)) {
    }
    if (!send(FLASH_COMMAND_JEDEC_ID, false) || !begin_read(JEDEC_ID_BYTES) || !next_word(&identifier)) return false;
    const uint32_t big_endian = (identifier & 0xFF) << 16 | (identifier & 0xFF00) | (identifier >> 16 & 0xFF);
    return FLASH_IS_KNOWN(big_endian);
}

bool flash_read_begin(uint32_t offset, uint32_t size) {
    return send_to(FLASH_COMMAND_READ, offset, false) && begin_read(size);
}

bool flash_read_take(void *to, uint32_t size) {
    uint8_t *next = to;
    for (const uint8_t *end = next + size; next != end; next += 4) {
        uint32_t word;
        if (!next_word(&word)) return false;
        store_aligned(next, word);
    }
    return true;
}

void flash_read(uint32_t offset, void *to, uint32_t size) {
    uint8_t *next = to;
    while (size) {
        uint32_t left = size < FLASH_LONGEST_READ ? size : FLASH_LONGEST_READ;
        bool answers = flash_read_begin(offset, left);
        offset += left;
        size -= left;
        if (!misalignment(next)) {
            const uint32_t whole = left / 4 * 4;
            answers = answers && flash_read_take(next, whole);
            if (!answers) memset(next, 0, whole);
            next += whole;
            left -= whole;
        }
        while (left) {
            /* Zeros are no free space and no record. */
            uint32_t word = 0;
            answers = answers && next_word(&word);
            for (uint32_t byte = 0; byte < 4 && left; byte++, left--, word >>= 8) *next++ = (uint8_t)word;
        }
    }
}

bool flash_is_blank(uint32_t from, uint32_t to) {
    while (from < to) {
        uint32_t left = to - from < PROGRAM_BYTES ? to - from : PROGRAM_BYTES;
        bool is_blank = send_to(FLASH_COMMAND_READ, from, false) && begin_read(left);
        from += left;
        while (left) {
            uint32_t word = 0, unused = left < 4 ? UINT32_MAX << 8 * left : 0;
            is_blank = next_word(&word) && (word | unused) == UINT32_MAX && is_blank;
            left -= left < 4 ? left : 4;
        }
        if (!is_blank) return false;
    }
    return true;
}

/* A part that did not end what it was told before ignores this. */
static bool enable_write(void) { return await_part(0) && send(FLASH_COMMAND_WRITE_ENABLE, true); }

static bool program_page(uint32_t offset, const uint8_t *from, uint32_t size) {
    if (!enable_write() || !send_to(FLASH_COMMAND_PAGE_PROGRAM, offset, false)) return false;
    for (uint32_t index = 0; index < size; index++) {
        if (!send(from[index], index == size - 1)) return false;
    }
    return await_part(PROGRAM_TICKS);
}

bool flash_program(uint32_t offset, const void *from, uint32_t size) {
    const uint8_t *next = from;
    while (size) {
        const uint32_t room = PROGRAM_BYTES - (FLASH_OFFSET + offset) % PROGRAM_BYTES;
        const uint32_t piece = size < room ? size : room;
        if (!program_page(offset, next, piece)) return false;
        offset += piece;
        next += piece;
        size -= piece;
    }
    return true;
}

bool flash_erase_sector(uint32_t offset) {
    return enable_write() && send_to(FLASH_COMMAND_SECTOR_ERASE, offset, true) && await_part(ERASE_TICKS);
}
