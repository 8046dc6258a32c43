/* Every instruction of a boot skipped, one at a time: what comes of it. */
#ifndef CAMPAIGN_H
#define CAMPAIGN_H

#include "machine.h"

#define NOTES 64

/* instructions: executed from the first one on, each of which was skipped once. outcomes: of these runs, by enum
   outcome. convinced: runs that left a given word in a given place of SRAM. note: of the first runs that did, or that
   entered the application. */
struct findings {
    uint64_t instructions, outcomes[OUTCOMES], convinced;
    uint32_t notes;
    struct {
        uint32_t address, instruction, outcome;
    } note[NOTES];
};

/* The word by which the first verification says that all is well, and its address. */
struct conviction {
    uint32_t address, word;
};

/* Boots `reference` from reset to the end; before each of its instructions, from the first execution of address
   `from` on, continues in `faulted` as if that instruction were not there. Returns how the boot ends if none is
   skipped. Flash and fuses of `reference` must be set; those of `faulted` are copied from it. */
enum outcome skip_each(struct processor *reference, struct processor *faulted, uint32_t from,
                       const struct conviction *conviction, struct findings *findings);

#endif
