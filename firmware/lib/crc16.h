/* CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected, no final inversion. */
#ifndef LIVETRAP_CRC16_H
#define LIVETRAP_CRC16_H

#include <stdint.h>

/* crc16_step's table: the CRC of each byte, in the upper half of the word. */
extern const uint32_t crc16_table[256];

/* Takes one byte into a running CRC. The CRC stands in the upper half of the word; start with 0.
   After a message and its big-endian CRC the running CRC is 0. */
static inline uint32_t crc16_step(uint32_t crc, uint32_t byte) { return crc << 8 ^ crc16_table[crc >> 24 ^ byte]; }

/* Returns the CRC (0 to 65535) of `size` bytes. */
uint32_t crc16(const uint8_t *bytes, uint32_t size);

#endif
