/* The chip around the processor: registers of link, chip, otp, boot, statement, hash, lmots and flash, by the
   contracts of rtl/io/. Engines are done at once; each access takes ACCESS_CYCLES, and a look at the clock more, so
   that waits end. */
#ifndef CHIP_H
#define CHIP_H

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

#include "keccak.h"

#define LINK_BYTES 65536

/* All state but memory, flash and link; copied to go back in time. Tests set and read fuses, the knobs (flash_absent,
   entropy_failed, statement_refused, fuses_absent) and what firmware wrote. burns, programs: carried out so far. */
struct chip {
    uint8_t fuses[OTP_BYTES];
    uint32_t flash_absent, entropy_failed, statement_refused, fuses_absent, map_hash;
    uint32_t keyed, otp_refused, burns;
    uint8_t measurement[32];
    uint32_t security_version, locked, reset_requested;
    uint32_t error, slot_a, slot_b, hold_mode;
    uint32_t restore_index, restore[13], restored, restores;
    uint32_t identity_index, bootcount, statements, statement_kind, statement_valid, statement_is_refused, booted;
    uint64_t cycles;
    struct sponge sponge;
    uint8_t digest[32];
    uint32_t hash_active, hash_done, has_low, low, next_last, next_padded;
    uint32_t lmots_index, lmots[12];
    uint32_t command, command_bytes, flash_address, write_enabled, selected, reset_enabled, to_read, programs;
};

/* The flash's bytes, and the part of them that changed since chip_flash_sync. */
struct flash {
    uint8_t *bytes;
    uint32_t changed_from, changed_to;
};

/* One chip with everything that it has. fault: an access that the bus would end with an error. statement: the last
   one that was made; a test gives its template. */
struct machine {
    struct chip chip;
    struct flash flash;
    uint32_t fault;
    uint8_t statement[STATEMENT_BYTES];
    uint32_t rx_next, rx_end, tx_end;
    uint8_t rx[LINK_BYTES], tx[LINK_BYTES];
};

/* Registers of the warm domain as after a reset. */
void chip_warm_reset(struct machine *machine);

uint32_t chip_read(struct machine *machine, uint32_t address);
void chip_write(struct machine *machine, uint32_t address, uint32_t value);

/* The hash engine's window, and the statement's. */
void chip_write_hash(struct machine *machine, uint32_t value);
uint32_t chip_read_statement(const struct machine *machine, uint32_t offset);

#endif
