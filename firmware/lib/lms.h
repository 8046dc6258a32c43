/* Verification of HSS/LMS signatures (RFC 8554, SP 800-208 SHAKE256/192, Winternitz 4, one or two levels). */
#ifndef LIVETRAP_LMS_H
#define LIVETRAP_LMS_H

/* What hss_verify returns for a signature that holds; anything else is a refusal. Far from other values, so that no
   single fault makes it. */
#define HSS_VALID 0x5AC3E169

#ifndef __ASSEMBLER__
#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

/* Reads `size` bytes of the signature at `offset`, wherever it is kept. */
typedef void hss_reader(void *context, uint32_t offset, uint8_t *to, uint32_t size);

/* Returns whether HSS_KEY_BYTES are an HSS public key of the one parameter set, with one or two levels. */
bool hss_key_is_valid(const uint8_t *key);

/* Verifies a signature of signature_bytes bytes over a message under an HSS public key of HSS_KEY_BYTES. The key and
   the parameter set are checked strictly, and the signature must have exactly the length that they demand. */
uint32_t hss_verify(const uint8_t *key, const uint8_t *message, uint32_t message_bytes, hss_reader *read, void *context,
                    uint32_t signature_bytes);

/* An hss_reader whose context is the signature itself in memory. */
void hss_read_memory(void *context, uint32_t offset, uint8_t *to, uint32_t size);

#endif
#endif
