/* From a packet to its response: which command it is, the retry rule, errors, and responses that come later. */
#ifndef LIVETRAP_DISPATCH_H
#define LIVETRAP_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Forgets the last request. */
void dispatch_initialise(void);

/* Carries out one request, and starts sending its response with frame_send() unless the response comes later or
   the packet cannot be answered; only while frame_is_sending() is false.

   size: bytes of the packet. truncated: the packet was longer. A request that changes something is answered BUSY
   while the response to an earlier one is still to come; with the sequence number and id of that one it is left
   unanswered, since the response is on its way. */
void dispatch_packet(const uint8_t *packet, uint32_t size, bool truncated);

/* Starts sending the response that was to come later, when its outcome is there; only while frame_is_sending()
   is false. */
void dispatch_poll(void);

/* Returns whether a response is still to come. */
bool dispatch_is_pending(void);

#endif
