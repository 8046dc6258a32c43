/* Records for the ingest block, the only way into accelerator memory. */
#ifndef LIVETRAP_INGEST_H
#define LIVETRAP_INGEST_H

#include <stdint.h>

/* Bound on what ingest does after a record's last word. */
#define INGEST_TICKS 1024u

/* Carries out one record and waits for its end (some hundred cycles, at most INGEST_TICKS).

   kind: RECORD_*. address, size: multiples of 8 that ingest accepts. Returns CHIP_ERROR_OK, BUSY when
   the record would have to wait for a run's end, or HARDWARE when ingest is still active with an earlier record, refuses this one, or does not finish in time. */
int ingest_record(uint32_t kind, uint32_t address, const uint8_t *payload, uint32_t size);

#endif
