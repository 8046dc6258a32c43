/* Accelerator memory and statements as the bus shows them. */
#ifndef LIVETRAP_WINDOWS_H
#define LIVETRAP_WINDOWS_H

#include <livetrap_csr.h>
#include <stdint.h>

/* A read-only window: WEIGHTS_BASE, IMAGE_BASE or STATEMENT_BASE. */
typedef uint32_t window_base;

/* Returns 32 bits at a byte offset, a multiple of 4. */
static inline uint32_t window_read(window_base base, uint32_t offset) {
    return *(const volatile uint32_t *)(base + offset);
}

/* Gives ingest the next half word of the active record; the bus waits while ingest is busy. */
static inline void ingest_data_write(uint32_t half_word) { *(volatile uint32_t *)INGEST_DATA_BASE = half_word; }

/* Gives the hash engine half a 64-bit word, low half first; the bus waits while the engine is busy. */
static inline void hash_data_write(uint32_t half_word) { *(volatile uint32_t *)HASH_DATA_BASE = half_word; }

#endif
