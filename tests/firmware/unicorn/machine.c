#include "machine.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CSR_BASE 0xF0000000u
#define WINDOW_BYTES 4096

static void stop(struct processor *processor, enum outcome outcome) {
    processor->outcome = outcome;
    uc_emu_stop(processor->uc);
}

static void look_at(struct processor *processor) {
    if (processor->machine.chip.reset_requested) stop(processor, RESET);
    if (processor->machine.fault) stop(processor, TRAP);
}

static uint64_t read_csr(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
    struct processor *processor = user;
    (void)uc;
    const uint32_t word = chip_read(&processor->machine, CSR_BASE + ((uint32_t)offset & ~3u));
    return size == 4 ? word : word >> 8 * (offset & 3);
}

static void write_csr(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
    struct processor *processor = user;
    (void)uc;
    (void)size;
    chip_write(&processor->machine, CSR_BASE + (uint32_t)offset, (uint32_t)value);
    look_at(processor);
}

static uint64_t read_hash(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
    (void)uc, (void)offset, (void)size;
    stop(user, TRAP);
    return 0;
}

static void write_hash(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
    struct processor *processor = user;
    (void)uc;
    if (size != 4 || offset) processor->machine.fault = 1;
    else chip_write_hash(&processor->machine, (uint32_t)value);
    look_at(processor);
}

static uint64_t read_statement(uc_engine *uc, uint64_t offset, unsigned size, void *user) {
    struct processor *processor = user;
    (void)uc;
    return chip_read_statement(&processor->machine, (uint32_t)offset & ~3u) >> (size == 4 ? 0 : 8 * (offset & 3));
}

static void write_statement(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user) {
    (void)uc, (void)offset, (void)size, (void)value;
    stop(user, TRAP);
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user) {
    struct processor *processor = user;
    (void)uc, (void)size;
    if (address == processor->recovery) stop(processor, RECOVERY);
    /* rtl/cpu.py, FetchGuard: nothing in SRAM is executed before the measurement is locked. */
    if (address >= SRAM_BASE) stop(processor, processor->machine.chip.locked ? ENTERED : TRAP);
    if (!processor->blocks_left) stop(processor, LIMIT);
    else processor->blocks_left--;
}

struct processor *processor_new(const uint8_t *rom, uint32_t rom_bytes, uint32_t recovery) {
    struct processor *processor = calloc(1, sizeof *processor);
    uint8_t *contents = aligned_alloc(4096, ROM_SIZE);
    uc_hook hook;
    processor->sram = aligned_alloc(4096, SRAM_SIZE);
    memset(processor->sram, 0xA5, SRAM_SIZE);
    memset(contents, 0, ROM_SIZE);
    memcpy(contents, rom, rom_bytes);
    processor->machine.flash.bytes = malloc(FLASH_BYTES);
    memset(processor->machine.flash.bytes, 0xFF, FLASH_BYTES);
    processor->machine.chip.map_hash = MAP_HASH;
    processor->recovery = recovery;
    if (uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &processor->uc) != UC_ERR_OK) abort();
    uc_engine *uc = processor->uc;
    uc_mem_map_ptr(uc, ROM_BASE, ROM_SIZE, UC_PROT_READ | UC_PROT_EXEC, contents);
    uc_mem_map_ptr(uc, SRAM_BASE, SRAM_SIZE, UC_PROT_ALL, processor->sram);
    uc_mmio_map(uc, CSR_BASE, WINDOW_BYTES, read_csr, processor, write_csr, processor);
    uc_mmio_map(uc, HASH_DATA_BASE, WINDOW_BYTES, read_hash, processor, write_hash, processor);
    uc_mmio_map(uc, STATEMENT_BASE, WINDOW_BYTES, read_statement, processor, write_statement, processor);
    uc_hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)on_block, processor, 1, 0);
    return processor;
}

void processor_free(struct processor *processor) {
    uc_close(processor->uc);
    free(processor->machine.flash.bytes);
    free(processor->sram);
    free(processor);
}

enum outcome processor_run(struct processor *processor, uint32_t from, uint64_t blocks, int stop_at_recovery) {
    const uint32_t recovery = processor->recovery;
    processor->outcome = RUNNING;
    processor->blocks_left = blocks;
    if (!stop_at_recovery) processor->recovery = UINT32_MAX;
    uc_emu_start(processor->uc, from, UINT32_MAX, 0, 0);
    processor->recovery = recovery;
    if (processor->outcome == RUNNING) processor->outcome = TRAP;
    return processor->outcome;
}

uint32_t processor_at(struct processor *processor) {
    uint32_t at;
    uc_reg_read(processor->uc, UC_RISCV_REG_PC, &at);
    return at;
}

#define PART(place) \
    {#place, offsetof(struct machine, place), sizeof(((struct machine *)0)->place)}

void *processor_part(struct processor *processor, const char *name, uint32_t *size) {
    static const struct {
        const char *name;
        size_t offset, size;
    } parts[] = {
        PART(chip.fuses),          PART(chip.flash_absent),      PART(chip.entropy_failed),  PART(chip.statement_refused),
        PART(chip.fuses_absent),   PART(chip.map_hash),          PART(chip.keyed),           PART(chip.measurement),
        PART(chip.locked),         PART(chip.security_version),  PART(chip.reset_requested), PART(chip.error),
        PART(chip.slot_a),         PART(chip.slot_b),            PART(chip.hold_mode),       PART(chip.restore),
        PART(chip.restores),       PART(chip.bootcount),         PART(chip.statements),      PART(chip.statement_kind),
        PART(chip.programs),       PART(chip.burns),             PART(rx),                   PART(rx_next),
        PART(rx_end),              PART(tx),                     PART(tx_end),
        PART(statement),
    };
    *size = FLASH_BYTES;
    if (strcmp(name, "flash") == 0) return processor->machine.flash.bytes;
    *size = SRAM_SIZE;
    if (strcmp(name, "sram") == 0) return processor->sram;
    for (size_t index = 0; index < sizeof parts / sizeof parts[0]; index++) {
        if (strcmp(parts[index].name, name) != 0) continue;
        *size = (uint32_t)parts[index].size;
        return (uint8_t *)&processor->machine + parts[index].offset;
    }
    return NULL;
}
