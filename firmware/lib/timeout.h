/* Bounds on waiting, in ticks of chip.ticks (2**TICK_CYCLES_LOG2 cycles). */
#ifndef LIVETRAP_TIMEOUT_H
#define LIVETRAP_TIMEOUT_H

#include <livetrap_csr.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns whether `ticks` or more have passed since chip.ticks was `start`. */
static inline bool ticks_have_passed(uint64_t start, uint32_t ticks) { return chip_ticks_read() - start >= ticks; }

#endif
