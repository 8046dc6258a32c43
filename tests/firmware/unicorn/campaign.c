/* Every instruction of a boot skipped, one at a time: what comes of it. */
#include "campaign.h"

#include <stdlib.h>
#include <string.h>

/* Blocks that a run may still take after its skip. A wait that never ends is not worth its end. */
#define BLOCKS 400000

#define REGISTERS 31

struct campaign {
    struct processor *reference, *faulted;
    const struct conviction *conviction;
    struct findings *findings;
    uint32_t from;
    bool begun;
};

static void copy_flash(struct flash *to, struct flash *from) {
    const uint32_t first = to->changed_from < from->changed_from ? to->changed_from : from->changed_from;
    const uint32_t end = to->changed_to > from->changed_to ? to->changed_to : from->changed_to;
    if (first < end) memcpy(to->bytes + first, from->bytes + first, end - first);
    to->changed_from = from->changed_from = UINT32_MAX;
    to->changed_to = from->changed_to = 0;
}

static void copy_registers(uc_engine *to, uc_engine *from) {
    static int numbers[REGISTERS];
    static uint32_t values[REGISTERS];
    void *places[REGISTERS];
    for (int index = 0; index < REGISTERS; index++) {
        numbers[index] = UC_RISCV_REG_X1 + index;
        places[index] = &values[index];
    }
    uc_reg_read_batch(from, numbers, places, REGISTERS);
    uc_reg_write_batch(to, numbers, places, REGISTERS);
}

static void note(struct findings *findings, uint32_t address, enum outcome outcome) {
    if (findings->notes == NOTES) return;
    findings->note[findings->notes].address = address;
    findings->note[findings->notes].instruction = findings->instructions;
    findings->note[findings->notes++].outcome = outcome;
}

static void on_instruction(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
    struct campaign *campaign = user;
    struct processor *reference = campaign->reference, *faulted = campaign->faulted;
    struct findings *findings = campaign->findings;
    campaign->begun |= address == campaign->from;
    if (!campaign->begun || address == reference->recovery || address == SRAM_BASE) return;
    memcpy(faulted->sram, reference->sram, SRAM_SIZE);
    faulted->machine.chip = reference->machine.chip;
    faulted->machine.fault = 0;
    copy_flash(&faulted->machine.flash, &reference->machine.flash);
    copy_registers(faulted->uc, uc);
    const enum outcome outcome = processor_run(faulted, (uint32_t)address + size, BLOCKS, 1);
    findings->outcomes[outcome]++;
    const uint8_t *left = faulted->sram + (campaign->conviction->address - SRAM_BASE);
    const bool is_convinced = memcmp(left, &campaign->conviction->word, 4) == 0;
    findings->convinced += is_convinced;
    if (is_convinced || outcome == ENTERED) note(findings, (uint32_t)address, outcome);
    findings->instructions++;
}

enum outcome skip_each(struct processor *reference, struct processor *faulted, uint32_t from,
                       const struct conviction *conviction, struct findings *findings) {
    struct campaign campaign = {reference, faulted, conviction, findings, from, false};
    uc_hook hook;
    memset(findings, 0, sizeof *findings);
    reference->machine.flash.changed_from = 0;
    reference->machine.flash.changed_to = FLASH_BYTES;
    uc_hook_add(reference->uc, &hook, UC_HOOK_CODE, (void *)on_instruction, &campaign, 1, 0);
    const enum outcome outcome = processor_run(reference, ROM_BASE, UINT64_MAX, 1);
    uc_hook_del(reference->uc, hook);
    return outcome;
}
