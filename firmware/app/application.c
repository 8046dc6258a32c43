#include "application.h"

#include <livetrap_csr.h>

#include "commands.h"
#include "computed.h"
#include "confirmation.h"
#include "countersignature.h"
#include "dispatch.h"
#include "events.h"
#include "evidence.h"
#include "flash.h"
#include "frame_receiver.h"
#include "frame_sender.h"
#include "image_group.h"
#include "journal.h"
#include "log.h"
#include "receipts.h"
#include "timeout.h"
#include "truncation.h"

/* received: a frame that waits for the sender. resetting: the response to a reset request has been sent, at
   `reset_start`. */
static struct {
    enum frame_received received;
    bool resetting;
    uint64_t reset_start;
} application;

/* What flash keeps through power loss; ROM has checked all of it. */
static bool initialise_storage(struct handoff *handoff) {
    const bool is_there = flash_initialise();
    journal_initialise();
    const bool has_log = is_there && log_initialise();
    countersignature_initialise();
    image_group_initialise(handoff);
    computed_initialise();
    events_initialise(handoff);
    truncation_initialise();
    receipts_initialise();
    return has_log;
}

void application_initialise(struct handoff *handoff) {
    application.received = FRAME_NONE;
    application.resetting = false;
    frame_receiver_initialise();
    frame_sender_initialise();
    dispatch_initialise();
    os_commands_initialise();
    evidence_commands_initialise(handoff);
    boot_commands_initialise(handoff);
    confirmation_initialise(handoff);
    evidence_initialise(initialise_storage(handoff));
}

static void serve_link(void) {
    if (!frame_is_sending()) dispatch_poll();
    if (application.received == FRAME_NONE) application.received = frame_receive();
    if (application.received != FRAME_NONE && !frame_is_sending()) {
        uint32_t size;
        const uint8_t *packet = frame_received_packet(&size);
        dispatch_packet(packet, size, application.received == FRAME_OVERSIZED);
        application.received = FRAME_NONE;
    }
    frame_sender_poll();
}

static void poll_reset(void) {
    if (frame_is_sending()) return;
    if (!application.resetting) {
        application.resetting = true;
        application.reset_start = chip_ticks_read();
    }
    const bool is_noted = evidence_is_noted() || ticks_have_passed(application.reset_start, EVIDENCE_TICKS);
    if (is_noted && ticks_have_passed(application.reset_start, RESET_DELAY_TICKS)) {
        chip_reset_write(CHIP_RESET_REQUEST_MASK);
    }
}

void application_poll(void) {
    evidence_poll();
    events_poll();
    receipts_poll();
    computed_poll();
    confirmation_poll();
    if (commands_reset_is_requested()) {
        frame_sender_poll();
        poll_reset();
    } else if (evidence_boot_is_over()) {
        serve_link();
    }
}
