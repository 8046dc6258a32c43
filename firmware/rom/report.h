/* ROM's last words: a line of text on the link, then a warm reset. All in bounded time. */
#ifndef LIVETRAP_REPORT_H
#define LIVETRAP_REPORT_H

#include <stdint.h>

/* Resets the chip. Everything but identity, chain, seq and retained memory starts anew. */
_Noreturn void rom_restart(void);

/* Reports a trap by the registers of the same names (RISC-V privileged architecture 3.1), and restarts.
   mcause 0x80000003 is a bus error, with mepc some instructions behind it. */
_Noreturn void rom_report_trap(uint32_t mcause, uint32_t mepc, uint32_t mtval);

/* Reports a reason not to start the application, and restarts. */
_Noreturn void rom_report_refusal(const char *reason);

#endif
