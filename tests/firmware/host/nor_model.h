/* A model of the SPI NOR flash and its controller's registers: programming clears bits and wraps within its page,
   erasing sets a sector, both keep the part busy. In the middle of one of them power can be cut. Every byte takes
   BYTE_CYCLES. */
#ifndef NOR_MODEL_H
#define NOR_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define BYTE_CYCLES 16
#define NOR_PROGRAM_CYCLES 1000
#define NOR_ERASE_CYCLES 20000

/* Bytes read since power-on, programs and erases begun since then. */
struct nor_counts {
    uint64_t read, programs, erases;
};

/* Power-on; the contents stay. */
void nor_power_on(void);

/* The whole part, FLASH_BYTES; nor_blank makes it so. */
uint8_t *nor_memory(void);
void nor_blank(void);

/* Power is cut in the middle of the count-th program or erase from now (from 1; 0: not at all), which does what
   `seed` says of its bits: all, none, or a random part. Then chip_power_cut() is called. */
void nor_cut_at(uint64_t count, uint64_t seed);

/* From now on programs and erases never end (busy), or do nothing (stuck). */
void nor_fail(bool busy, bool stuck);

struct nor_counts nor_get_counts(void);

/* Given by the model of the chip: lets time pass; and ends the run, never returning. */
void chip_advance(uint64_t cycles);
_Noreturn void chip_power_cut(void);
_Noreturn void chip_misused(const char *what);

#endif
