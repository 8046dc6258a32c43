/* The part of <string.h> that runtime.c provides. */
#ifndef LIVETRAP_RUNTIME_H
#define LIVETRAP_RUNTIME_H

#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t size);
void *memset(void *destination, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);

#endif
