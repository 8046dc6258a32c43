/* What the Verifier signs for this chip: receipts and truncation approvals (formats/countersignature.py). */
#ifndef LIVETRAP_COUNTERSIGNATURE_H
#define LIVETRAP_COUNTERSIGNATURE_H

#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

#define COUNTERSIGNED_MAX_BYTES 160

_Static_assert(RECEIPT_PAYLOAD_BYTES <= COUNTERSIGNED_MAX_BYTES && APPROVAL_PAYLOAD_BYTES <= COUNTERSIGNED_MAX_BYTES,
               "both payloads fit");

/* Takes the configuration that ROM has checked against the fuses. Without one, nothing is ever signed for this chip. */
void countersignature_initialise(void);

/* Returns the configuration's log mode, LOG_MODE_*. */
uint32_t countersignature_log_mode(void);

/* Returns the payload of a COSE_Sign1 with the form of one, and of exactly `payload_bytes`; else NULL. Its signature is not
   looked at. */
const uint8_t *countersignature_payload(const uint8_t *data, uint32_t size, uint32_t payload_bytes);

/* Returns whether a COSE_Sign1 has exactly this payload, and a valid signature by the configuration's verifier key. */
bool countersignature_holds(const uint8_t *data, uint32_t size, const uint8_t *payload, uint32_t payload_bytes);

#endif
