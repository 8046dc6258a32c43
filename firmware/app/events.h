/* Events: what goes wrong is written to the log when it happens, and stated in error statements at the next boot that can
   sign. */
#ifndef LIVETRAP_EVENTS_H
#define LIVETRAP_EVENTS_H

#include <stdint.h>

#include "handoff.h"

/* Begins after a reset; log and journal are initialised. Records the trap that ended the boot before, if one did, as an
   event of that boot with ticks 0; an image that was to be tried and does not run; and damage to the log. */
void events_initialise(struct handoff *handoff);

/* Writes an event of this boot to the log, as far as there is room. */
void events_record(uint32_t event, uint32_t detail);

/* Watches the entropy source. Once the boot statement is in the log, has an error statement noted for each event of earlier
   boots that has none; one at a time. */
void events_poll(void);

#endif
