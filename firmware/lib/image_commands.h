/* The commands of SMP's image group (formats/link.py, ImageCommand) as MCUmgr answers them. Slot 0 is the one that
   runs, slot 1 the other; when nothing runs, slot 0 is A.

   Each takes the body of a request and writes the map of its response. It returns IMAGE_ERROR_OK; or another
   IMAGE_ERROR_*, and then what it wrote must be dropped. Flash is written before it returns. */
#ifndef LIVETRAP_IMAGE_COMMANDS_H
#define LIVETRAP_IMAGE_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "cbor_writer.h"
#include "slots.h"

#define NO_SLOT UINT32_MAX

/* runs: the slot whose image runs, or NO_SLOT. target: the slot that uploads go to; never `runs`. firmware_key:
   HSS_KEY_BYTES that images to be tried must be signed with; NULL when there is none yet. It must stay in place. */
struct image_environment {
    uint32_t runs, target;
    const uint8_t *firmware_key;
};

/* What a state write has done. marked: an image is to be tried at the next boot, with this measurement. confirmed:
   the image that runs is confirmed; the security floor is not raised here. */
struct image_effect {
    bool marked, confirmed;
    uint8_t measurement[MEASUREMENT_BYTES];
};

/* To be called after a reset, before the commands. */
void image_commands_initialise(const struct image_environment *environment);

int image_command_state_read(const uint8_t *body, uint32_t size, struct cbor_writer *response);

/* An image to be tried is checked as ROM will check it (some 10^6 cycles), and refused otherwise. Only the image that
   runs can be confirmed. While it is not, the other is kept as what is started if it fails. */
int image_command_state_write(const uint8_t *body, uint32_t size, struct cbor_writer *response,
                              struct image_effect *effect);

/* The first request erases the slot. A request with another offset than the next one changes nothing; the response
   tells the next one. An upload with `sha` is continued after a reset, at its last whole page. */
int image_command_upload(const uint8_t *body, uint32_t size, struct cbor_writer *response);

int image_command_erase(const uint8_t *body, uint32_t size, struct cbor_writer *response);

#endif
