#include "application.h"

_Noreturn void application_main(const struct handoff *handoff);

_Noreturn void application_main(const struct handoff *handoff) {
    application_initialise(handoff);
    for (;;) application_poll();
}
