/* The host build's stand-in for firmware/chip/retained.h: memory that the modelled warm reset leaves alone. */
#ifndef LIVETRAP_RETAINED_H
#define LIVETRAP_RETAINED_H

#include <stdint.h>

#define RETAINED __attribute__((section("retained")))

uint8_t *retained_log(void);
uint32_t retained_log_bytes(void);

#endif
