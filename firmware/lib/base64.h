/* Base64 (RFC 4648 section 4) for the link's inner loops. */
#ifndef LIVETRAP_BASE64_H
#define LIVETRAP_BASE64_H

#include <stdint.h>

/* What link.rx returns -> 1 + the value of a base64 character, or 0 for anything else: a byte that is no such
   character (`=` too), or no byte. The index is the byte, plus 256 when link.rx says that it is valid. */
extern const uint8_t base64_received[512];

/* The 64 characters in the order of their values. */
extern const uint8_t base64_characters[64];

#define BASE64_QUANTUM_START 1u
#define BASE64_QUANTUM_IS_FULL(quantum) ((quantum) >> 24 != 0)
/* The 24 bits of a full quantum: the start mark and the four "1 +" of the table are taken off. */
#define BASE64_QUANTUM_BITS(quantum) ((quantum) - (1u << 24 | 1u << 18 | 1u << 12 | 1u << 6 | 1u))

/* Returns the quantum with one more character, given the character's entry in base64_received. */
static inline uint32_t base64_append(uint32_t quantum, uint32_t entry) { return (quantum << 6) + entry; }

#endif
