/* Integers in byte strings, wherever they stand. This machine is little-endian. */
#ifndef LIVETRAP_BYTES_H
#define LIVETRAP_BYTES_H

#include <stdint.h>

static inline uint32_t load_be16(const uint8_t *bytes) { return (uint32_t)bytes[0] << 8 | bytes[1]; }

static inline void store_be16(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline uint64_t load_be64(const uint8_t *bytes) {
    uint64_t value = 0;
    for (unsigned index = 0; index < 8; index++) value = value << 8 | bytes[index];
    return value;
}

static inline void store_be64(uint8_t *bytes, uint64_t value) {
    for (unsigned index = 8; index; index--, value >>= 8) bytes[index - 1] = (uint8_t)value;
}

static inline uint32_t load_le32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* The same at addresses that are multiples of 4. */
static inline uint32_t load_aligned(const uint8_t *bytes) {
    uint32_t value;
    __builtin_memcpy(&value, __builtin_assume_aligned(bytes, 4), 4);
    return value;
}

static inline void store_aligned(uint8_t *bytes, uint32_t value) {
    __builtin_memcpy(__builtin_assume_aligned(bytes, 4), &value, 4);
}

/* Returns how many bits of the word that holds the first byte stand before it. */
static inline uint32_t misalignment(const uint8_t *bytes) { return 8 * ((uint32_t)(uintptr_t)bytes & 3); }

static inline void store_le32(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
    bytes[3] = (uint8_t)(value >> 24);
}

static inline uint64_t load_le64(const uint8_t *bytes) {
    return load_le32(bytes) | (uint64_t)load_le32(bytes + 4) << 32;
}

static inline void store_le64(uint8_t *bytes, uint64_t value) {
    store_le32(bytes, (uint32_t)value);
    store_le32(bytes + 4, (uint32_t)(value >> 32));
}

#endif
