/* CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected, no final inversion. */
#ifndef LIVETRAP_CRC16_H
#define LIVETRAP_CRC16_H

#include <stdint.h>

/* crc16_table[zeros][byte]: the CRC of the byte followed by `zeros` zero bytes. */
extern const uint16_t crc16_table[3][256];

/* Takes one byte into a running CRC (0 to 65535, at first 0). After a message and its big-endian CRC the running
   CRC is 0. */
static inline uint32_t crc16_step(uint32_t crc, uint32_t byte) {
    return (crc << 8 & 0xFFFF) ^ crc16_table[0][crc >> 8 ^ byte];
}

/* Takes three bytes, the first in bits 23 to 16, with table look-ups that do not wait for each other. */
static inline uint32_t crc16_step_3(uint32_t crc, uint32_t bytes) {
    const uint32_t mixed = crc << 8 ^ bytes;
    return crc16_table[2][mixed >> 16] ^ crc16_table[1][mixed >> 8 & 0xFF] ^ crc16_table[0][mixed & 0xFF];
}

/* Returns the CRC of `size` bytes. */
uint32_t crc16(const uint8_t *bytes, uint32_t size);

#endif
