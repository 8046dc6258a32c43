/* Packets to the host: the sending half of MCUmgr's serial encoding (formats/link.py). One packet at a time. */
#ifndef LIVETRAP_FRAME_SENDER_H
#define LIVETRAP_FRAME_SENDER_H

#include <stdbool.h>
#include <stdint.h>

/* Gives up a frame in progress. */
void frame_sender_initialise(void);

/* Returns where to build the next packet, PACKET_BYTES long; only while frame_is_sending() is false. */
uint8_t *frame_sender_packet(void);

/* Starts sending the first `size` bytes (at most PACKET_BYTES) of frame_sender_packet(). */
void frame_send(uint32_t size);

/* Returns whether a frame is under way. */
bool frame_is_sending(void);

/* Sends what link.tx has room for. A frame that makes no progress for FRAME_SENDER_TICKS is given up. */
void frame_sender_poll(void);

#define FRAME_SENDER_TICKS (1u << 17)

#endif
