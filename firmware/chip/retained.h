/* Memory that a warm reset leaves alone: places given by the linker script, contents never initialised. */
#ifndef LIVETRAP_RETAINED_H
#define LIVETRAP_RETAINED_H

#include <stdint.h>

/* Puts a variable there. */
#define RETAINED __attribute__((section(".retained")))

extern uint8_t linker_log_start[], linker_log_end[];

/* Returns the log's memory; the address is a multiple of 16. */
static inline uint8_t *retained_log(void) { return linker_log_start; }

/* Returns the size of the log's memory. */
static inline uint32_t retained_log_bytes(void) { return (uint32_t)(linker_log_end - linker_log_start); }

#endif
