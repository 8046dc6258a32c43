#include "report.h"

#include <livetrap_csr.h>

#include "handoff.h"

/* Looks at link.status before a character is given up: about 10 ms of a 115200 baud line at 60 MHz. */
#define SEND_ATTEMPTS 32768u

extern struct handoff linker_handoff;

static void send(char character) {
    for (uint32_t attempt = 0; attempt < SEND_ATTEMPTS; attempt++) {
        if (link_status_read() & LINK_STATUS_TX_READY_MASK) {
            link_tx_write((uint8_t)character);
            return;
        }
    }
}

static void send_text(const char *text) {
    while (*text) send(*text++);
}

static void send_hexadecimal(uint32_t value) {
    for (uint32_t digit = 0; digit < 8; digit++, value <<= 4) send("0123456789abcdef"[value >> 28]);
}

_Noreturn void rom_restart(void) {
    chip_reset_write(CHIP_RESET_REQUEST_MASK);
    for (;;) {
    }
}

/* Lets the line leave before the reset empties the link. */
static void drain(void) {
    for (volatile uint32_t attempt = 0; attempt < SEND_ATTEMPTS; attempt++) {
    }
}

_Noreturn void rom_report_trap(uint32_t mcause, uint32_t mepc, uint32_t mtval) {
    linker_handoff.trap_cause = mcause;
    linker_handoff.trap_mark = TRAP_MARK;
    send_text("\nlivetrap: trap mcause=");
    send_hexadecimal(mcause);
    send_text(" mepc=");
    send_hexadecimal(mepc);
    send_text(" mtval=");
    send_hexadecimal(mtval);
    send('\n');
    drain();
    rom_restart();
}

void rom_report_errors(const struct boot_errors *errors) {
    send_text("\nlivetrap: nothing was started: error=");
    send_hexadecimal(errors->boot);
    send_text(" slot_a=");
    send_hexadecimal(errors->slot[SLOT_A]);
    send_text(" slot_b=");
    send_hexadecimal(errors->slot[SLOT_B]);
    send('\n');
}
