#include "image_group.h"

#include <livetrap_formats.h>
#include <stdbool.h>
#include <stddef.h>

#include "configuration.h"
#include "confirmation.h"
#include "evidence.h"
#include "image_commands.h"

static uint8_t configuration[CONFIGURATION_RECORD_BYTES];

void image_group_initialise(const struct handoff *handoff) {
    const bool is_configured = configuration_get(configuration);
    const struct image_environment environment = {
        .runs = handoff->slot,
        .target = SLOT_A + SLOT_B - handoff->slot,
        .firmware_key = is_configured ? configuration + CONFIGURATION_FIRMWARE_KEY : NULL,
    };
    image_commands_initialise(&environment);
}

static int write_state(const uint8_t *body, uint32_t size, struct cbor_writer *response) {
    static struct image_effect effect;
    if (evidence_readiness()) return IMAGE_ERROR_UNKNOWN;
    if (!evidence_is_noted()) return IMAGE_GROUP_BUSY;
    const int error = image_command_state_write(body, size, response, &effect);
    if (error) return error;
    if (effect.marked) evidence_note(KIND_UPDATE, effect.measurement);
    if (effect.confirmed) confirmation_is_given();
    return IMAGE_ERROR_OK;
}

int image_group_carry_out(const struct smp_header *header, const uint8_t *body, struct cbor_writer *response) {
    const bool writes = header->operation == SMP_WRITE;
    if (header->operation != SMP_READ && !writes) return IMAGE_GROUP_UNKNOWN;
    switch (header->command) {
    case IMAGE_COMMAND_STATE:
        return writes ? write_state(body, header->length, response)
                      : image_command_state_read(body, header->length, response);
    case IMAGE_COMMAND_UPLOAD:
        return writes ? image_command_upload(body, header->length, response) : IMAGE_GROUP_UNKNOWN;
    case IMAGE_COMMAND_ERASE:
        return writes ? image_command_erase(body, header->length, response) : IMAGE_GROUP_UNKNOWN;
    default:
        return IMAGE_GROUP_UNKNOWN;
    }
}
