/* Giving a chip its identity. */
#ifndef LIVETRAP_PROVISION_H
#define LIVETRAP_PROVISION_H

#include <stdint.h>

/* Gives a RAW chip its id, its configuration and a key of its own, and makes it a DEVELOPMENT chip. The configuration
   goes to the journal first and the lifecycle to the fuses last: until then the chip is RAW, and the same request may
   come again. configuration: CONFIGURATION_RECORD_BYTES. Returns CHIP_ERROR_OK, which it also returns for a chip that
   was provisioned so before; MALFORMED for a configuration that is none; ALREADY_SET for a chip with another
   identity, or with fuses burnt that this one leaves alone; or HARDWARE. */
int provision(const uint8_t *chip_id, const uint8_t *configuration);

#endif
