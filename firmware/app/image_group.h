/* SMP's image group while the application runs: the lib's commands, and the update statement that they bring about. */
#ifndef LIVETRAP_IMAGE_GROUP_H
#define LIVETRAP_IMAGE_GROUP_H

#include <stdint.h>

#include "cbor_writer.h"
#include "handoff.h"
#include "smp.h"

/* What image_group_carry_out returns beside IMAGE_ERROR_*: there is no such command, or it must be asked for again when a
   statement that is still to be made is in the log. */
enum { IMAGE_GROUP_UNKNOWN = -1, IMAGE_GROUP_BUSY = -2 };

/* To be called after a reset, when the journal is initialised. */
void image_group_initialise(const struct handoff *handoff);

/* Carries out a request of the image group. An image that is marked to be tried has an update statement made, whose
   digest is its measurement; so nothing is marked while the chip cannot make one. */
int image_group_carry_out(const struct smp_header *header, const uint8_t *body, struct cbor_writer *response);

#endif
