/* Packets from the host: the receiving half of MCUmgr's serial encoding (formats/link.py).

   Whatever is no frame is passed over: text, lines without a start, and frames whose base64, length or CRC is
   wrong. `06 09` begins a new frame wherever it stands. */
#ifndef LIVETRAP_FRAME_RECEIVER_H
#define LIVETRAP_FRAME_RECEIVER_H

#include <stdint.h>

enum frame_received {
    FRAME_NONE,
    FRAME_PACKET,
    /* A whole frame with a good CRC, of more than PACKET_BYTES: only its first PACKET_BYTES are there. */
    FRAME_OVERSIZED,
};

/* Forgets everything received so far. */
void frame_receiver_initialise(void);

/* Takes bytes from link.rx until none waits, a line ends, or a bounded number was taken. Returns whether a frame
   is now complete; its packet stays in place until the next call. */
enum frame_received frame_receive(void);

/* Returns the packet of the last complete frame, and its bytes in *size (at most PACKET_BYTES). */
const uint8_t *frame_received_packet(uint32_t *size);

#endif
