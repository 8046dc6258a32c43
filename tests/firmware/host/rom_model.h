/* What ROM does with the modelled registers before it starts the application (firmware/rom/boot.c), but for images. */
#ifndef ROM_MODEL_H
#define ROM_MODEL_H

#include "handoff.h"

/* Boots from a reset on. handoff: its slot is what is started, and stays; whether that is confirmed is filled in. Where ROM would
   go to recovery mode the application is started all the same: it must not rely on what ROM has checked. */
void rom_boot_model(struct handoff *handoff);

#endif
