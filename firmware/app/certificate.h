/* The chip's certificate: set once, kept in RAM until power-on. */
#ifndef LIVETRAP_CERTIFICATE_H
#define LIVETRAP_CERTIFICATE_H

#include <stdint.h>

/* Takes over the certificate that a warm reset left, as far as its checksum holds. */
void certificate_initialise(void);

/* Returns the certificate and its bytes in *size, or NULL when none is set. */
const uint8_t *certificate_get(uint32_t *size);

/* Sets the certificate: 1 to CERTIFICATE_BYTES bytes; only when certificate_get returns NULL. */
void certificate_set(const uint8_t *bytes, uint32_t size);

#endif
