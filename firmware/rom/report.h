/* ROM's words: a line of text on the link. All in bounded time. */
#ifndef LIVETRAP_REPORT_H
#define LIVETRAP_REPORT_H

#include <stdint.h>

#include "boot.h"

/* Resets the chip. Everything but identity, chain, seq and what the handoff keeps of a trap starts anew. */
_Noreturn void rom_restart(void);

/* Leaves a note of a trap in the handoff, reports it by the registers of the same names (RISC-V privileged
   architecture 3.1), and restarts. mcause 0x80000003 is a bus error, with mepc some instructions behind it. */
_Noreturn void rom_report_trap(uint32_t mcause, uint32_t mepc, uint32_t mtval);

/* Reports why nothing was started, by the codes of formats/boot.py. */
void rom_report_errors(const struct boot_errors *errors);

#endif
