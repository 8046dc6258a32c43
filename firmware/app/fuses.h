/* Burning fuses. On boards they lie in the flash, which is of no use to anybody else while a byte is burnt. */
#ifndef LIVETRAP_FUSES_H
#define LIVETRAP_FUSES_H

#include <stdbool.h>
#include <stdint.h>

/* Waits for the end of a burn in progress. Returns false if it does not end in time. */
bool fuses_await(void);

/* Sets bits of one byte, if the rules of rtl/io/otp.py allow it. Returns as fuses_await. */
bool fuses_burn(uint32_t address, uint32_t bits);

#endif
