/* What ROM tells the application that it starts. */
#ifndef LIVETRAP_HANDOFF_H
#define LIVETRAP_HANDOFF_H

#include <stdint.h>

#define MEASUREMENT_BYTES 32

/* measurement: of the application's image, as locked into chip.measurement. security_version: likewise. */
struct handoff {
    uint8_t measurement[MEASUREMENT_BYTES];
    uint32_t security_version;
};

#endif
