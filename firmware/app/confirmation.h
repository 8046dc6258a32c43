/* New firmware confirms itself: once its boot statement is in the log and it has answered a request, ROM boots it from now
   on, and the fuses let no older security version boot. */
#ifndef LIVETRAP_CONFIRMATION_H
#define LIVETRAP_CONFIRMATION_H

#include <stdbool.h>

#include "handoff.h"

/* `handoff` must stay in place. */
void confirmation_initialise(const struct handoff *handoff);

/* To be called when a request was carried out and its response leaves. An error is no sign that this firmware works. */
void confirmation_answered(void);

/* To be called when the host has confirmed this firmware. */
void confirmation_is_given(void);

/* Confirms as soon as it may; burns at most one fuse byte. */
void confirmation_poll(void);

/* Returns whether ROM boots this firmware from now on. */
bool confirmation_is_done(void);

#endif
