/* The chip's configuration (formats/configuration.py), and its digest in the fuses. */
#ifndef LIVETRAP_CONFIGURATION_H
#define LIVETRAP_CONFIGURATION_H

#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns whether the record is one that formats/configuration.py makes, with keys of the one parameter set. */
bool configuration_is_well_formed(const uint8_t *record);

/* Returns whether the record has a verifier key: without one nothing is truncated. */
bool configuration_has_verifier_key(const uint8_t *record);

/* Computes the digest, CONFIGURATION_BYTES, that statements and fuses hold. */
void configuration_digest(const uint8_t *record, uint8_t *digest);

/* Counts the bytes in which a configuration's digest is not that of the fuses. */
uint32_t configuration_differences(const uint8_t *record);

/* Copies the configuration from the journal; only after journal_initialise(). Returns false, with zeros in the
   record, when there is none, or not the one whose digest is in the fuses. */
bool configuration_get(uint8_t *record);

/* Writes the chip's ueid, UEID_BYTES (RFC 9711 4.2.1): a type byte for a random one, and the chip id. */
void identity_ueid(uint8_t *ueid);

#define UEID_BYTES (1 + CHIP_ID_BYTES)

/* Copies bytes of the chip's identity as chip.identity_data shows it, `words` words from word `first` on. */
void identity_get(uint32_t first, uint32_t words, uint8_t *to);

/* First words of what identity_get copies. */
enum { IDENTITY_CHIP_ID = 0, IDENTITY_PUBLIC_KEY = 4, IDENTITY_CONFIGURATION = 12 };

#endif
