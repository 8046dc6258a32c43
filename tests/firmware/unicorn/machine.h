/* A chip whose processor is an emulated one: ROM, SRAM, registers. */
#ifndef MACHINE_H
#define MACHINE_H

#include <unicorn/unicorn.h>

#include "chip.h"

/* How a run ended. ENTERED: an instruction in SRAM is executed, wherever. RECOVERY: at recovery_run. TRAP: an
   exception, or a bus error. LIMIT: neither of these after as many basic blocks as were allowed. */
enum outcome { RUNNING, ENTERED, RECOVERY, RESET, TRAP, LIMIT, OUTCOMES };

struct processor {
    struct machine machine;
    uc_engine *uc;
    uint8_t *sram;
    uint32_t recovery;
    uint64_t blocks_left;
    enum outcome outcome;
};

/* Powers on a chip with this ROM (ROM_SIZE bytes at most), erased flash and blank fuses. recovery: address of
   recovery_run. */
struct processor *processor_new(const uint8_t *rom, uint32_t rom_bytes, uint32_t recovery);
void processor_free(struct processor *processor);

/* Runs from an address on, for at most so many basic blocks. stop_at_recovery: whether RECOVERY ends it. */
enum outcome processor_run(struct processor *processor, uint32_t from, uint64_t blocks, int stop_at_recovery);

/* Returns the address of the next instruction. */
uint32_t processor_at(struct processor *processor);

/* Returns where a part of struct machine lies that has this name, and its bytes in *size; NULL for other names. */
void *processor_part(struct processor *processor, const char *name, uint32_t *size);

#endif
