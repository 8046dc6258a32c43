/* The chip's first instruction, and where traps go. */
    .section .reset, "ax"
    .global rom_reset
rom_reset:
    la      t0, rom_trap
    csrw    mtvec, t0
    la      sp, linker_stack_top
    /* A bus error comes as the machine software interrupt (rtl/cpu.py): mie.MSIE and mstatus.MIE let it trap. */
    csrsi   mie, 8
    csrsi   mstatus, 8
    call    rom_boot
    /* a0 = struct handoff */
    la      t0, linker_application
    jr      t0

/* A trap is the end: report it, then reset. One inside the report resets at once. */
    .balign 4
rom_trap:
    la      t0, rom_trap_again
    csrw    mtvec, t0
    la      sp, linker_stack_top
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    tail    rom_report_trap

    .balign 4
rom_trap_again:
    la      sp, linker_stack_top
    tail    rom_restart
