/* The chip's first instruction, where traps go, and the way into the application. */
#include "lms.h"

    .section .reset, "ax"
    .global rom_reset
    .type   rom_reset, @function
rom_reset:
    la      t0, rom_trap
    csrw    mtvec, t0
    la      sp, linker_handoff
    la      t0, linker_bss_start
    la      t1, linker_bss_end
1:  sw      zero, 0(t0)
    addi    t0, t0, 4
    bltu    t0, t1, 1b
    /* A bus error comes as the machine software interrupt (rtl/cpu.py): mie.MSIE and mstatus.MIE let it trap. */
    csrsi   mie, 8
    csrsi   mstatus, 8
    tail    rom_boot
    .size   rom_reset, . - rom_reset

/* Whatever runs into what follows has lost its way. */
    ebreak
    ebreak

/* A trap is the end: report it, then reset. One inside the report resets at once. */
    .balign 4
    .type   rom_trap, @function
rom_trap:
    la      t0, rom_trap_again
    csrw    mtvec, t0
    la      sp, linker_handoff
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    tail    rom_report_trap
    ebreak
    .size   rom_trap, . - rom_trap

    .balign 4
    .type   rom_trap_again, @function
rom_trap_again:
    la      sp, linker_handoff
    tail    rom_restart
    ebreak
    ebreak
    .size   rom_trap_again, . - rom_trap_again

/* _Noreturn void rom_start(const struct handoff *): starts what lies in SRAM if both verifications have found it good
   (verify.h). Each is looked at twice, so that no check stands alone. */
    .global rom_start
    .type   rom_start, @function
rom_start:
    la      t0, verify_evidence
    li      t1, HSS_VALID
    lw      t2, 0(t0)
    bne     t2, t1, 2f
    lw      t3, 4(t0)
    not     t3, t3
    bne     t3, t1, 2f
    lw      t4, 0(t0)
    lw      t5, 4(t0)
    not     t4, t4
    bne     t4, t5, 2f
    li      t6, ~HSS_VALID
    bne     t4, t6, 2f
    bne     t5, t6, 2f
    la      sp, linker_handoff
    la      t0, linker_application
    .word   0x0000100f  /* fence.i: what was fetched from SRAM before is not what was copied there since */
    jr      t0
2:  ebreak
    ebreak
    ebreak
    .size   rom_start, . - rom_start
