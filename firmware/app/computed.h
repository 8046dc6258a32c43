/* The life-time count of multiply-accumulates through power loss: the journal has a ceiling that the count stays below, and
   a cold boot resumes at the ceiling if it knows no better. So the count can be too high by what was reserved, never too
   low. */
#ifndef LIVETRAP_COMPUTED_H
#define LIVETRAP_COMPUTED_H

#include <stdbool.h>

/* The ceiling is a multiple of MACS_STEP. While less than half a step is left it is raised; an array of 64 then needs 2^25
   cycles for the rest, far longer than the journal needs. */

/* Takes over the ceiling; after journal_initialise(). */
void computed_initialise(void);

/* Reserves more if little is left. Returns whether enough is reserved; false when flash fails. */
bool computed_reserve(void);

/* Reserves while the accelerator is busy, and stops nothing when flash fails: the next run is then refused. */
void computed_poll(void);

#endif
