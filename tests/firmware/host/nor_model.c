#include "nor_model.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <string.h>

#include "life_model.h"

#define REGISTER_CYCLES 4
#define LARGEST_COMMAND (4 + 2 * PROGRAM_BYTES)
#define STATUS_BUSY 0x01u
#define STATUS_WRITE_ENABLED 0x02u

static uint8_t memory[FLASH_BYTES];

/* command: the bytes since the part was selected. busy: cycles until it is idle. to_read: bytes that the controller
   still has to fetch. */
static struct {
    uint8_t command[LARGEST_COMMAND];
    uint32_t length, to_read;
    uint64_t busy;
    bool write_enabled;
    uint64_t cut_at, seed;
    bool never_ends, does_nothing;
    struct nor_counts counts;
} nor;

void nor_power_on(void) {
    const bool never_ends = nor.never_ends, does_nothing = nor.does_nothing;
    memset(&nor, 0, sizeof nor);
    nor.never_ends = never_ends;
    nor.does_nothing = does_nothing;
}

uint8_t *nor_memory(void) { return memory; }

void nor_blank(void) { memset(memory, 0xFF, sizeof memory); }

void nor_cut_at(uint64_t count, uint64_t seed) {
    nor.cut_at = count ? nor.counts.programs + nor.counts.erases + count : 0;
    nor.seed = seed;
}

void nor_fail(bool busy, bool stuck) {
    nor.never_ends = busy;
    nor.does_nothing = stuck;
}

struct nor_counts nor_get_counts(void) { return nor.counts; }

/* splitmix64 */
static uint64_t random_bits(void) {
    uint64_t z = nor.seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Which bits of a byte change in spite of the cut, in one of five ways. */
static uint8_t torn_bits(uint64_t way) {
    const uint64_t bits = random_bits();
    switch (way) {
    case 0:
        return 0xFF;
    case 1:
        return 0;
    case 2:
        return (uint8_t)bits;
    case 3:
        return (uint8_t)(bits & bits >> 8 & bits >> 16 & bits >> 24);
    default:
        return (uint8_t)(bits | bits >> 8 | bits >> 16 | bits >> 24);
    }
}

/* Carries out a program (values) or an erase (NULL); a page's bytes wrap around. */
static void change(uint32_t base, uint32_t size, uint32_t first, const uint8_t *values, uint32_t count) {
    const bool is_cut = nor.cut_at && nor.counts.programs + nor.counts.erases == nor.cut_at;
    const uint64_t way = nor.seed % 5;
    for (uint32_t index = 0; index < count; index++) {
        uint8_t *byte = &memory[base + (first + index) % size];
        const uint8_t target = values ? *byte & values[index] : 0xFF;
        const uint8_t mask = nor.does_nothing ? 0 : is_cut ? torn_bits(way) : 0xFF;
        *byte = (uint8_t)((*byte & ~mask) | (target & mask));
    }
    nor.write_enabled = false;
    if (is_cut) chip_power_cut();
}

static void deselect(void) {
    const uint32_t length = nor.length;
    const uint8_t *command = nor.command;
    nor.length = 0;
    const uint32_t address = (uint32_t)(command[1] << 16 | command[2] << 8 | command[3]) % FLASH_BYTES;
    if (nor.busy) {
        if (!nor.never_ends && command[0] != 0x05) chip_misused("a command while flash is busy");
    } else if (command[0] == 0x06 && length == 1) {
        nor.write_enabled = true;
    } else if (command[0] == 0x02 && length > 4 && nor.write_enabled) {
        if (length > 4 + PROGRAM_BYTES) chip_misused("more than a page is programmed");
        nor.counts.programs++;
        nor.busy = NOR_PROGRAM_CYCLES;
        const uint32_t page = address / PROGRAM_BYTES * PROGRAM_BYTES;
        change(page, PROGRAM_BYTES, address - page, command + 4, length - 4);
    } else if (command[0] == 0x20 && length == 4 && nor.write_enabled) {
        nor.counts.erases++;
        nor.busy = NOR_ERASE_CYCLES;
        change(address / SECTOR_BYTES * SECTOR_BYTES, SECTOR_BYTES, 0, NULL, SECTOR_BYTES);
    }
}

static void pass(uint64_t cycles) {
    chip_advance(cycles);
    if (!nor.never_ends) nor.busy -= nor.busy < cycles ? nor.busy : cycles;
}

static uint8_t exchange(uint8_t sent, bool last) {
    uint8_t answer = 0xFF;
    const uint32_t at = nor.length;
    pass(BYTE_CYCLES);
    if (life_is_burning()) chip_misused("a command for flash while a fuse is burnt");
    if (at && nor.command[0] == 0x05) {
        answer = (uint8_t)((nor.busy ? STATUS_BUSY : 0) | (nor.write_enabled ? STATUS_WRITE_ENABLED : 0));
    } else if (at >= 4 && nor.command[0] == 0x03 && !nor.busy) {
        const uint32_t address = (uint32_t)(nor.command[1] << 16 | nor.command[2] << 8 | nor.command[3]);
        answer = memory[(address + at - 4) % FLASH_BYTES];
        nor.counts.read++;
    } else if (at && nor.command[0] == 0x9F) {
        answer = (uint8_t)(JEDEC_ID >> (16 - 8 * ((at - 1) % 3)));
    }
    if (at < LARGEST_COMMAND) nor.command[at] = sent;
    nor.length++;
    if (last) deselect();
    return answer;
}

uint32_t flash_status_read(void) {
    pass(REGISTER_CYCLES);
    return nor.to_read ? FLASH_STATUS_WORD_VALID_MASK : FLASH_STATUS_READY_MASK;
}

void flash_write_write(uint32_t value) {
    if (nor.to_read) chip_misused("a byte for flash while it is read");
    exchange((uint8_t)(value >> FLASH_WRITE_DATA_SHIFT), value & FLASH_WRITE_LAST_MASK);
}

void flash_read_count_write(uint32_t count) {
    if (nor.to_read) chip_misused("a read of flash while it is read");
    nor.to_read = count & 0xFFFF;
}

uint32_t flash_word_read(void) {
    if (!nor.to_read) chip_misused("a word of flash that is not there");
    uint32_t word = 0;
    for (uint32_t byte = 0; byte < 4 && nor.to_read; byte++) {
        word |= (uint32_t)exchange(0, nor.to_read == 1) << 8 * byte;
        nor.to_read--;
    }
    return word;
}
