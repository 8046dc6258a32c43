/* The firmware on the modelled chip, driven over stdin and stdout: an operation's byte, a u32 size and that many
   bytes; the answer is a u32 size and that many bytes, or POWER_IS_OFF when power is cut in it. Integers are
   little-endian. */
#include <livetrap_formats.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "application.h"
#include "cbor_reader.h"
#include "chip_model.h"
#include "crc16.h"
#include "flash_operations.h"
#include "life_model.h"
#include "nor_model.h"
#include "rom_model.h"

static struct handoff handoff = {.measurement = {0xD1, 0xD2, 0xD3}};

static uint8_t input[LINK_BYTES];

static uint64_t number(uint32_t at) {
    uint64_t value;
    memcpy(&value, input + at, sizeof value);
    return value;
}

static void answer(const void *bytes, uint32_t size) {
    fwrite(&size, sizeof size, 1, stdout);
    if (size) fwrite(bytes, 1, size, stdout);
    fflush(stdout);
}

static void boot(void) {
    rom_boot_model(&handoff);
    application_initialise(&handoff);
}

/* Turns the main loop; a requested reset happens. */
static void poll(uint64_t turns) {
    for (; turns; turns--) {
        application_poll();
        if (chip_reset_is_requested()) {
            chip_warm_reset();
            boot();
        }
    }
}

/* Turns the main loop until nothing waits in the link and nothing was sent for some turns. */
static void settle(uint64_t quiet_turns) {
    uint64_t quiet = 0;
    uint32_t sent_before = 0, sent;
    static uint8_t gathered[LINK_BYTES];
    while (quiet < quiet_turns) {
        poll(1);
        const uint8_t *bytes = chip_take_sent(&sent);
        if (sent > LINK_BYTES - sent_before) abort();
        memcpy(gathered + sent_before, bytes, sent);
        sent_before += sent;
        quiet = sent || chip_waiting() ? 0 : quiet + 1;
    }
    answer(gathered, sent_before);
}

static void check_cbor(uint32_t size) {
    /* A copy of its own size, so that the sanitizer sees any byte read beyond it. */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, input, size);
    struct cbor_reader reader = {copy, copy + size};
    const uint8_t is_one_item = cbor_skip(&reader) && reader.next == reader.end;
    free(copy);
    answer(&is_one_item, 1);
}

static void carry_out(int operation, uint32_t size) {
    struct chip_state state;
    uint32_t crc, sent;
    const uint8_t *bytes;
    if (operation >= 'a') {
        sent = flash_operation(operation, input, size, &bytes);
        fwrite(&sent, sizeof sent, 1, stdout);
        if (sent != POWER_IS_OFF) fwrite(bytes, 1, sent, stdout);
        fflush(stdout);
        return;
    }
    switch (operation) {
    case 'Z':
        nor_blank();
        life_new_fuses();
        chip_power_on();
        break;
    case 'O':
        chip_power_on();
        break;
    case 'B':
        boot();
        break;
    case 'W':
        chip_warm_reset();
        boot();
        break;
    case 'H':
        handoff.security_version = (uint32_t)number(0);
        handoff.slot = (uint32_t)number(8);
        break;
    case 'Q':
        handoff.trap_mark = TRAP_MARK;
        handoff.trap_cause = (uint32_t)number(0);
        break;
    case 'U':
        memcpy(life_fuses() + number(0), input + 8, size - 8);
        break;
    case 'G':
        answer(life_fuses(), OTP_BYTES);
        return;
    case 'K':
        chip_set((enum knob)number(0), number(8));
        break;
    case 'A':
        chip_advance(number(0));
        break;
    case 'F':
        chip_feed(input, size);
        break;
    case 'P':
        poll(number(0));
        break;
    case 'T':
        bytes = chip_take_sent(&sent);
        answer(bytes, sent);
        return;
    case 'X':
        chip_feed(input + 8, size - 8);
        settle(number(0));
        return;
    case 'S':
        state = chip_get_state();
        answer(&state, sizeof state);
        return;
    case 'M':
        answer(chip_weights() + number(0), (uint32_t)number(8));
        return;
    case 'C':
        check_cbor(size);
        return;
    case 'R':
        crc = crc16(input, size);
        answer(&crc, sizeof crc);
        return;
    default:
        abort();
    }
    answer(NULL, 0);
}

/* Power that is cut comes back with the operation 'O'. */
static void carry_out_until_cut(int operation, uint32_t size) {
    jmp_buf cut;
    if (setjmp(cut)) {
        const uint32_t is_off = POWER_IS_OFF;
        fwrite(&is_off, sizeof is_off, 1, stdout);
        fflush(stdout);
    } else {
        chip_until_power_cut(&cut);
        carry_out(operation, size);
    }
    chip_until_power_cut(NULL);
}

int main(void) {
    nor_blank();
    life_new_fuses();
    chip_power_on();
    boot();
    for (int operation; (operation = getchar()) != EOF;) {
        uint32_t size;
        if (fread(&size, sizeof size, 1, stdin) != 1 || size > sizeof input) return 1;
        if (fread(input, 1, size, stdin) != size) return 1;
        carry_out_until_cut(operation, size);
    }
    return 0;
}
