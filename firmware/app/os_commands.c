#include <livetrap_formats.h>

#include "commands.h"

static bool reset_requested;

/* The chip has one buffer for requests: it takes the next one when it has answered this one. */
#define REQUEST_BUFFERS 1

bool commands_reset_is_requested(void) { return reset_requested; }

void os_commands_initialise(void) { reset_requested = false; }

int command_echo(const struct request *request, struct cbor_writer *response) {
    cbor_put_map(response, 1);
    cbor_put_key(response, "r");
    cbor_put_text(response, request->field[FIELD_TEXT].bytes, (uint32_t)request->field[FIELD_TEXT].number);
    return CHIP_ERROR_OK;
}

int command_reset(const struct request *request, struct cbor_writer *response) {
    (void)request;
    reset_requested = true;
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}

int command_parameters(const struct request *request, struct cbor_writer *response) {
    (void)request;
    cbor_put_map(response, 2);
    cbor_put_pair(response, "buf_size", PACKET_BYTES);
    cbor_put_pair(response, "buf_count", REQUEST_BUFFERS);
    return CHIP_ERROR_OK;
}
