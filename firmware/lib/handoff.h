/* What ROM tells the application that it starts. */
#ifndef LIVETRAP_HANDOFF_H
#define LIVETRAP_HANDOFF_H

#include <stdint.h>

#define MEASUREMENT_BYTES 32

/* measurement, security_version: of the application's image, as locked into the chip's registers. slot: that it came
   from. confirmed: 1 if it is confirmed, 0 if it must confirm itself to be started again. trap_mark: TRAP_MARK if the
   boot before ended with a trap, whose mcause is trap_cause; whoever records it clears the mark. It lies above the
   stack, and a warm reset leaves it. */
struct handoff {
    uint8_t measurement[MEASUREMENT_BYTES];
    uint32_t security_version, slot, confirmed, trap_mark, trap_cause;
};

#define TRAP_MARK 0x50415254u

#endif
