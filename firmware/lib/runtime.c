/* What the compiler calls for copies and comparisons (C11 7.24), since no C library is linked. */
#include "runtime.h"

#include <stdint.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t size) {
    uint8_t *to = destination;
    const uint8_t *from = source;
    if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0) {
        for (; size >= 4; size -= 4, to += 4, from += 4) *(uint32_t *)to = *(const uint32_t *)from;
    }
    while (size--) *to++ = *from++;
    return destination;
}

void *memset(void *destination, int value, size_t size) {
    uint8_t *to = destination;
    const uint32_t word = (uint8_t)value * 0x01010101u;
    if (((uintptr_t)to & 3) == 0) {
        for (; size >= 4; size -= 4, to += 4) *(uint32_t *)to = word;
    }
    while (size--) *to++ = (uint8_t)value;
    return destination;
}

int memcmp(const void *left, const void *right, size_t size) {
    const uint8_t *a = left, *b = right;
    for (; size; size--, a++, b++) {
        if (*a != *b) return *a < *b ? -1 : 1;
    }
    return 0;
}
