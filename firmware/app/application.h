/* The application: serves the host link and makes statements, for ever. */
#ifndef LIVETRAP_APPLICATION_H
#define LIVETRAP_APPLICATION_H

#include "handoff.h"

/* Sets everything up after a reset; `handoff` must stay in place. */
void application_initialise(struct handoff *handoff);

/* One turn of the main loop: does what can be done now, and waits for nothing but an ingest record's end.

   Until the boot statement is made or overdue, requests wait in the link. A reset that the host asked for comes
   when its response has had time to leave, and the statement of an update or an error is not left out, if it can be made. */
void application_poll(void);

/* Time for the last bytes in link.tx to leave before a reset. */
#define RESET_DELAY_TICKS 2048u

#endif
