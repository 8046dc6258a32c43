/* The host build's stand-in for firmware/chip/windows.h: the windows of the modelled chip. */
#ifndef LIVETRAP_WINDOWS_H
#define LIVETRAP_WINDOWS_H

#include <livetrap_csr.h>
#include <stdint.h>

typedef uint32_t window_base;

uint32_t window_read(window_base base, uint32_t offset);
void ingest_data_write(uint32_t half_word);
void hash_data_write(uint32_t half_word);

#endif
