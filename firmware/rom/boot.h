/* The boot as it went, for the registers, the console and recovery mode. */
#ifndef LIVETRAP_BOOT_H
#define LIVETRAP_BOOT_H

#include <stdint.h>

#include "slots.h"

/* BOOT_ERROR_*: why nothing was started, and of each slot the first check that failed. */
struct boot_errors {
    uint32_t boot, slot[SLOTS];
};

#endif
