/* What both halves of the serial encoding share (formats/link.py). */
#ifndef LIVETRAP_FRAME_H
#define LIVETRAP_FRAME_H

#include <livetrap_formats.h>

#define FRAME_START_1 0x06
#define FRAME_START_2 0x09
#define FRAME_CONTINUE_1 0x04
#define FRAME_CONTINUE_2 0x14
#define FRAME_LENGTH_BYTES 2
#define FRAME_CRC_BYTES 2
#define FRAME_BUFFER_BYTES (FRAME_LENGTH_BYTES + PACKET_BYTES + FRAME_CRC_BYTES)

/* Decoded bytes in a full line: delimiter and newline take 3 characters. */
#define FRAME_LINE_DECODED_BYTES ((LINE_BYTES - 3) / 4 * 3)

#endif
