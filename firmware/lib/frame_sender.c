#include "frame_sender.h"

#include <livetrap_csr.h>

#include "base64.h"
#include "bytes.h"
#include "crc16.h"
#include "frame.h"
#include "timeout.h"

/* Most characters that are sent between two looks at the room in link.tx. */
#define LARGEST_GROUP 4

/* position: next byte of the frame to encode. end: the frame's size, 0 when none is under way. crc: over the packet
   up to position. line_end: position at which the line in progress is full. stalled: link.tx had no room at the last
   poll, since `stall_start`. */
static struct {
    uint8_t frame[FRAME_BUFFER_BYTES];
    uint32_t position, end, line_end, crc;
    bool stalled;
    uint64_t stall_start;
} sender;

void frame_sender_initialise(void) {
    sender.end = 0;
    sender.stalled = false;
}

uint8_t *frame_sender_packet(void) { return sender.frame + FRAME_LENGTH_BYTES; }

bool frame_is_sending(void) { return sender.end != 0; }

void frame_send(uint32_t size) {
    store_be16(sender.frame, size + FRAME_CRC_BYTES);
    sender.end = FRAME_LENGTH_BYTES + size + FRAME_CRC_BYTES;
    sender.position = 0;
    sender.line_end = 0;
    sender.crc = 0;
    sender.stalled = false;
}

static void begin_line(void) {
    if (sender.position == 0) {
        link_tx_write(FRAME_START_1);
        link_tx_write(FRAME_START_2);
    } else {
        link_tx_write('\n');
        link_tx_write(FRAME_CONTINUE_1);
        link_tx_write(FRAME_CONTINUE_2);
    }
    sender.line_end = sender.position + FRAME_LINE_DECODED_BYTES;
}

/* Takes the packet's part of the next three bytes into the CRC, and puts the CRC in its place before it is sent. */
static void follow_crc(void) {
    const uint32_t packet_end = sender.end - FRAME_CRC_BYTES;
    for (uint32_t at = sender.position; at < sender.position + 3; at++) {
        if (at == packet_end) store_be16(sender.frame + packet_end, sender.crc);
        if (at >= FRAME_LENGTH_BYTES && at < packet_end) sender.crc = crc16_step(sender.crc, sender.frame[at]);
    }
}

static inline uint32_t quantum_bits(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
}

static inline void send_quantum(uint32_t bits) {
    link_tx_write(base64_characters[bits >> 18]);
    link_tx_write(base64_characters[bits >> 12 & 63]);
    link_tx_write(base64_characters[bits >> 6 & 63]);
    link_tx_write(base64_characters[bits & 63]);
}

/* The frame's last `size` (1 or 2) bytes, with padding. */
static void send_last_quantum(const uint8_t *bytes, uint32_t size) {
    const uint32_t bits = (uint32_t)bytes[0] << 16 | (size > 1 ? (uint32_t)bytes[1] << 8 : 0);
    link_tx_write(base64_characters[bits >> 18]);
    link_tx_write(base64_characters[bits >> 12 & 63]);
    link_tx_write(size > 1 ? base64_characters[bits >> 6 & 63] : '=');
    link_tx_write('=');
}

static void give_up_when_overdue(void) {
    if (!sender.stalled) {
        sender.stalled = true;
        sender.stall_start = chip_ticks_read();
    } else if (ticks_have_passed(sender.stall_start, FRAME_SENDER_TICKS)) {
        sender.end = 0;
    }
}

void frame_sender_poll(void) {
    if (!sender.end) return;
    uint32_t room = link_tx_room_read();
    if (room < LARGEST_GROUP) {
        give_up_when_overdue();
        return;
    }
    sender.stalled = false;
    for (; room >= LARGEST_GROUP; room -= LARGEST_GROUP) {
        const uint32_t left = sender.end - sender.position;
        if (left == 0) {
            link_tx_write('\n');
            sender.end = 0;
            return;
        }
        const uint8_t *source = &sender.frame[sender.position];
        if (sender.position == sender.line_end) {
            begin_line();
        } else if (left >= 3 + FRAME_CRC_BYTES && sender.position >= FRAME_LENGTH_BYTES) {
            const uint32_t bits = quantum_bits(source);
            sender.crc = crc16_step_3(sender.crc, bits);
            send_quantum(bits);
            sender.position += 3;
        } else if (left >= 3) {
            follow_crc();
            send_quantum(quantum_bits(source));
            sender.position += 3;
        } else {
            follow_crc();
            send_last_quantum(source, left);
            sender.position = sender.end;
        }
    }
}
