/* A model of the hash engine's and the LM-OTS chain's registers, and TurboSHAKE128 (RFC 9861) for the model of the
   chip. */
#ifndef HASH_MODEL_H
#define HASH_MODEL_H

#include <stdint.h>

/* digest: 32 bytes. */
void model_turboshake128(uint8_t domain, const uint8_t *bytes, uint32_t size, uint8_t *digest);

#endif
