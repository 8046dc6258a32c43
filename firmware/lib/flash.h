/* SPI NOR flash, by offsets relative to the chip's part of it (formats/flash.py). Every wait is bounded. */
#ifndef LIVETRAP_FLASH_H
#define LIVETRAP_FLASH_H

#include <stdbool.h>
#include <stdint.h>

/* Resets the part and waits out what it was doing. Returns false when no part of the right kind answers. */
bool flash_initialise(void);

/* Reads `size` bytes; any offset, any size. */
void flash_read(uint32_t offset, void *to, uint32_t size);

/* Reads piece by piece: begins a read of at most FLASH_LONGEST_READ bytes, and takes the next of them, a multiple of
   4 bytes to a multiple of 4. Until all are taken, nothing else may be asked of the flash. Between two pieces the
   part reads on, some words ahead. Returns false when it does not answer. */
bool flash_read_begin(uint32_t offset, uint32_t size);
bool flash_read_take(void *to, uint32_t size);

#define FLASH_LONGEST_READ 0x8000u

/* Returns whether all is 0xFF from an offset up to another. */
bool flash_is_blank(uint32_t from, uint32_t to);

/* Clears bits: each byte becomes itself AND the given one. Crosses pages as needed; returns when the part is done.
   Returns false when it is not done in time. */
bool flash_program(uint32_t offset, const void *from, uint32_t size);

/* Sets a sector to 0xFF; offset: of its first byte. Returns as flash_program does. */
bool flash_erase_sector(uint32_t offset);

#endif
