/* A model of what a chip's life consists of: fuses with the rules of rtl/io/otp.py, the boot's registers of rtl/io/boot.py,
   the entropy source's state, and the life-time count of multiply-accumulates. */
#ifndef LIFE_MODEL_H
#define LIFE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* The fuses, OTP_BYTES; they stay what they are without power. life_new_fuses: those of a development chip whose identity is
   {0xA0, 0xA1, ...} and whose configuration has the digest of zeros. */
uint8_t *life_fuses(void);
void life_new_fuses(void);

void life_power_on(void);
void life_warm_reset(void);

/* A burn takes KNOB_BURN_CYCLES. */
void life_advance(uint64_t cycles);

/* Whether a burn is under way that can still end: on boards the fuses have the flash to themselves then. */
bool life_is_burning(void);

/* The firmware is measured: the boot's registers stay what they are until reset. */
void life_lock(void);

bool life_is_locked(void);
bool life_holds(void);

/* Which health tests have failed since power-on: bit 0 repetition count, bit 1 adaptive proportion. */
uint32_t life_entropy_failed(void);
void life_fail_entropy(uint32_t tests);

uint64_t life_macs(void);
void life_set_macs(uint64_t macs);

/* Burns since power-on, and those refused. */
uint64_t life_burns(void);
uint64_t life_refused_burns(void);

/* Given by the model of the chip: takes what is restored if no statement was begun since power-on. Returns whether it did. */
bool chip_restore(uint64_t seq, uint32_t bootcount, const uint8_t *chain);

#endif
