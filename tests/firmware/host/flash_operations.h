/* What the driver can do with journal, log, hash and flash by themselves. */
#ifndef FLASH_OPERATIONS_H
#define FLASH_OPERATIONS_H

#include <stdint.h>

/* An answer's size when power is off: from the moment of a cut until the next power-on. */
#define POWER_IS_OFF UINT32_MAX

/* Carries out an operation. Returns the answer's size or POWER_IS_OFF, and its bytes in *answer. */
uint32_t flash_operation(int operation, const uint8_t *input, uint32_t size, const uint8_t **answer);

#endif
