/* The application's first instruction: ROM jumps here with a0 = struct handoff, which lies above the stack. */
    .section .entry, "ax"
    .global application_start
    .type   application_start, @function
application_start:
    la      sp, linker_handoff
    la      t0, linker_bss_start
    la      t1, linker_bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  tail    application_main
    .size   application_start, . - application_start
