/* Verification of a firmware image before it is started, so that no single skipped instruction starts a bad one.

   An image is copied to SRAM and verified there, twice, each time with everything but the copy read anew. Each time
   leaves what it found as evidence, whatever becomes of its return value; rom_start (reset.S) looks at both. */
#ifndef LIVETRAP_VERIFY_H
#define LIVETRAP_VERIFY_H

#include <stdint.h>

#include "slots.h"

/* Copies a slot's image to where it is started and verifies it: form, register map, security floor, and the signature
   under the firmware key of the configuration that the fuses name. Returns BOOT_ERROR_NONE, with the image's
   measurement and what stands around its body; or the first check that failed. */
uint32_t verify_slot(uint32_t slot, struct image *image, uint8_t *measurement);

/* Clears the memory behind the copy, and verifies it again. Returns BOOT_ERROR_NONE or ALTERED. measurement: as
   verify_slot gave it. */
uint32_t verify_again(const uint8_t *measurement);

/* What the two verifications found; rom_start demands HSS_VALID and its complement. */
extern volatile uint32_t verify_evidence[2];

#endif
