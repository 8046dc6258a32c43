/* Recovery mode: what a chip answers on which nothing can be started (formats/link.py). */
#ifndef LIVETRAP_RECOVERY_H
#define LIVETRAP_RECOVERY_H

#include "boot.h"

/* Serves the link until the host asks for a reset: BOOT, PROVISION, and SMP's OS and image groups. `errors` must stay
   in place; flash may have failed, and commands that need it then fail. */
_Noreturn void recovery_run(const struct boot_errors *errors);

#endif
