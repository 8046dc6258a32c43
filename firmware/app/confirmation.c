#include "confirmation.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "evidence.h"
#include "fuses.h"
#include "slots.h"

/* finished: the other slot has no confirmation any more either; power loss can have come between. */
static struct {
    const struct handoff *handoff;
    bool answered, confirmed, finished;
} confirmation;

void confirmation_initialise(const struct handoff *handoff) {
    confirmation.handoff = handoff;
    confirmation.answered = confirmation.finished = false;
    confirmation.confirmed = handoff->confirmed;
}

void confirmation_answered(void) { confirmation.answered = true; }

void confirmation_is_given(void) { confirmation.confirmed = confirmation.finished = true; }

bool confirmation_is_done(void) { return confirmation.confirmed; }

/* The fuses count in ones from bit 0 up, and a byte is burnt whole. */
static void raise_floor(uint32_t version) {
    const uint32_t floor = otp_security_floor_read();
    if (floor >= version || floor >= MAX_SECURITY_FLOOR) return;
    if (otp_status_read() & OTP_STATUS_BUSY_MASK) return;
    const uint32_t byte = floor / 8, bits = version - 8 * byte;
    const uint32_t ones = bits >= 8 ? 0xFF : (1u << bits) - 1;
    fuses_burn(FLOOR_OFFSET + byte, ones);
}

void confirmation_poll(void) {
    if (!confirmation.finished && confirmation.answered && evidence_boot_is_stated()) {
        confirmation.finished = slot_confirm(confirmation.handoff->slot);
        confirmation.confirmed = confirmation.confirmed || confirmation.finished;
    }
    if (confirmation.confirmed) raise_floor(confirmation.handoff->security_version);
}
