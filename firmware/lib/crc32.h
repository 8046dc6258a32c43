/* CRC-32 of zlib (ISO 3309), over pieces. */
#ifndef LIVETRAP_CRC32_H
#define LIVETRAP_CRC32_H

#include <stdint.h>

#define CRC32_START 0u

/* Returns the checksum of all before, whose checksum is `crc` (CRC32_START for nothing), and these bytes. */
uint32_t crc32(uint32_t crc, const void *bytes, uint32_t size);

#endif
