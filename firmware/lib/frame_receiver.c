#include "frame_receiver.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>

#include "base64.h"
#include "bytes.h"
#include "crc16.h"
#include "frame.h"

_Static_assert(LINK_RX_VALID_MASK == 256, "base64_received is indexed by the byte and the valid bit above it");

/* Bytes outside of base64 that one call takes at most. */
#define BYTES_PER_CALL 256

enum state {
    SEEKING,
    AFTER_START_1,
    AFTER_CONTINUE_1,
    IN_LINE,
    AFTER_PADDING,
};

/* frame: length, packet and CRC as decoded, as far as they fit. position: decoded bytes so far.
   end: position at which the frame is complete; 0 while the length is unknown.
   plain_end: before it, a quantum of three bytes lies wholly inside the frame and the buffer, not at its end.
   unfinished: lines that continue the frame are awaited. missing: bytes of the quantum that are padding. */
static struct {
    uint8_t frame[FRAME_BUFFER_BYTES];
    enum state state;
    uint32_t position, end, plain_end, crc, quantum, missing;
    bool unfinished;
} receiver;

void frame_receiver_initialise(void) {
    receiver.state = SEEKING;
    receiver.unfinished = false;
    receiver.end = 0;
    receiver.position = 0;
}

static void begin_frame(void) {
    receiver.position = 0;
    receiver.end = 0;
    receiver.plain_end = 0;
    receiver.crc = 0;
    receiver.unfinished = true;
}

static void begin_line(void) {
    receiver.state = IN_LINE;
    receiver.quantum = BASE64_QUANTUM_START;
    receiver.missing = 0;
}

static void drop_frame(void) {
    receiver.unfinished = false;
    receiver.state = SEEKING;
}

/* Takes 1 to 3 bytes at the frame's head, at its end, or beyond the buffer. Returns false if they do not fit it. */
static bool take_bytes(uint32_t bits, uint32_t count) {
    for (; count; count--, bits <<= 8) {
        const uint32_t byte = bits >> 16 & 0xFF;
        if (receiver.position >= FRAME_LENGTH_BYTES) receiver.crc = crc16_step(receiver.crc, byte);
        if (receiver.end && receiver.position >= receiver.end) return false;
        if (receiver.position < FRAME_BUFFER_BYTES) receiver.frame[receiver.position] = (uint8_t)byte;
        receiver.position++;
        if (receiver.position == FRAME_LENGTH_BYTES) {
            const uint32_t length = load_be16(receiver.frame);
            if (length < FRAME_CRC_BYTES) return false;
            receiver.end = FRAME_LENGTH_BYTES + length;
            receiver.plain_end = receiver.end > FRAME_BUFFER_BYTES || length < 3 ? 0 : receiver.end - 3;
        }
    }
    return true;
}

/* One step of take_base64's loop, which ends at anything but a base64 character. */
#define TAKE_CHARACTER()                                   \
    received = link_rx_read();                             \
    if (!base64_received[received]) break;                 \
    quantum = base64_append(quantum, base64_received[received])

/* Takes base64 until something else comes, which it returns as link.rx gave it; or returns 0 with the frame
   dropped when the bytes do not fit its length. */
static uint32_t take_base64(void) {
    uint32_t quantum = receiver.quantum, position = receiver.position, crc = receiver.crc;
    uint32_t plain_end = receiver.plain_end, received;
    for (;;) {
        if (quantum == BASE64_QUANTUM_START) {
            TAKE_CHARACTER();
            TAKE_CHARACTER();
            TAKE_CHARACTER();
            TAKE_CHARACTER();
        } else {
            TAKE_CHARACTER();
            if (!BASE64_QUANTUM_IS_FULL(quantum)) continue;
        }
        const uint32_t bits = BASE64_QUANTUM_BITS(quantum);
        quantum = BASE64_QUANTUM_START;
        if (position < plain_end) {
            uint8_t *destination = &receiver.frame[position];
            destination[0] = (uint8_t)(bits >> 16);
            destination[1] = (uint8_t)(bits >> 8);
            destination[2] = (uint8_t)bits;
            crc = crc16_step_3(crc, bits);
            position += 3;
        } else {
            receiver.position = position;
            receiver.crc = crc;
            if (!take_bytes(bits, 3)) {
                drop_frame();
                return 0;
            }
            position = receiver.position;
            crc = receiver.crc;
            plain_end = receiver.plain_end;
        }
    }
    receiver.quantum = quantum;
    receiver.position = position;
    receiver.crc = crc;
    return received;
}

/* A `=`: the quantum in progress is filled up, and gives its bytes when it is full. */
static void take_padding(void) {
    receiver.quantum = base64_append(receiver.quantum, 1);
    receiver.missing++;
    receiver.state = AFTER_PADDING;
    if (BASE64_QUANTUM_IS_FULL(receiver.quantum)) {
        const uint32_t bits = BASE64_QUANTUM_BITS(receiver.quantum);
        receiver.quantum = BASE64_QUANTUM_START;
        /* RFC 4648 3.5: the bits that padding leaves over must be zero. */
        const bool canonical = (bits & ((1u << 8 * receiver.missing) - 1)) == 0;
        if (!canonical || !take_bytes(bits, 3 - receiver.missing)) drop_frame();
    }
}

static enum frame_received end_line(void) {
    receiver.state = SEEKING;
    if (receiver.quantum != BASE64_QUANTUM_START) {
        drop_frame();
    } else if (receiver.end && receiver.position == receiver.end) {
        receiver.unfinished = false;
        if (receiver.crc == 0) return receiver.end > FRAME_BUFFER_BYTES ? FRAME_OVERSIZED : FRAME_PACKET;
    }
    return FRAME_NONE;
}

static void seek(uint32_t byte) {
    if (byte == FRAME_START_1) {
        receiver.state = AFTER_START_1;
    } else if (byte == FRAME_CONTINUE_1) {
        receiver.state = AFTER_CONTINUE_1;
    } else {
        receiver.state = SEEKING;
    }
}

/* Takes a byte that is not base64 inside a line. */
static enum frame_received take_other(uint32_t byte) {
    switch (receiver.state) {
    case AFTER_START_1:
        if (byte == FRAME_START_2) {
            begin_frame();
            begin_line();
            return FRAME_NONE;
        }
        break;
    case AFTER_CONTINUE_1:
        if (byte == FRAME_CONTINUE_2 && receiver.unfinished) {
            begin_line();
            return FRAME_NONE;
        }
        break;
    case IN_LINE:
    case AFTER_PADDING:
        if (byte == '\n') return end_line();
        if (byte == '=' && receiver.quantum >> 12) {
            take_padding();
            return FRAME_NONE;
        }
        drop_frame();
        break;
    case SEEKING:
        break;
    }
    seek(byte);
    return FRAME_NONE;
}

enum frame_received frame_receive(void) {
    for (uint32_t budget = BYTES_PER_CALL; budget; budget--) {
        const uint32_t received = receiver.state == IN_LINE ? take_base64() : link_rx_read();
        if (!(received & LINK_RX_VALID_MASK)) break;
        const enum frame_received result = take_other(received & LINK_RX_DATA_MASK);
        if (received == (LINK_RX_VALID_MASK | '\n')) return result;
    }
    return FRAME_NONE;
}

const uint8_t *frame_received_packet(uint32_t *size) {
    const uint32_t whole = receiver.end - FRAME_LENGTH_BYTES - FRAME_CRC_BYTES;
    *size = whole < PACKET_BYTES ? whole : PACKET_BYTES;
    return receiver.frame + FRAME_LENGTH_BYTES;
}
