#include "application.h"

#include <livetrap_csr.h>

#include "certificate.h"
#include "commands.h"
#include "dispatch.h"
#include "evidence.h"
#include "frame_receiver.h"
#include "frame_sender.h"
#include "timeout.h"

/* received: a frame that waits for the sender. resetting: the response to a reset request has been sent, at
   `reset_start`. */
static struct {
    enum frame_received received;
    bool resetting;
    uint64_t reset_start;
} application;

void application_initialise(const struct handoff *handoff) {
    application.received = FRAME_NONE;
    application.resetting = false;
    frame_receiver_initialise();
    frame_sender_initialise();
    dispatch_initialise();
    certificate_initialise();
    os_commands_initialise();
    evidence_commands_initialise(handoff);
    evidence_initialise();
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
    if (ticks_have_passed(application.reset_start, RESET_DELAY_TICKS)) chip_reset_write(CHIP_RESET_REQUEST_MASK);
}

void application_poll(void) {
    evidence_poll();
    if (commands_reset_is_requested()) {
        frame_sender_poll();
        poll_reset();
    } else if (evidence_boot_is_over()) {
        serve_link();
    }
}
