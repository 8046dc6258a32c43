#include "application.h"

_Noreturn void application_main(struct handoff *handoff);

_Noreturn void application_main(struct handoff *handoff) {
    application_initialise(handoff);
    for (;;) application_poll();
}
