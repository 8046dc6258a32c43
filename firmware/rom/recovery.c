#include "recovery.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stddef.h>

#include "cbor_map.h"
#include "configuration.h"
#include "frame_receiver.h"
#include "frame_sender.h"
#include "image_commands.h"
#include "provision.h"
#include "report.h"
#include "smp.h"
#include "timeout.h"

#define COUNT(array) (sizeof array / sizeof array[0])

/* Time for the last bytes in link.tx to leave before a reset. */
#define RESET_DELAY_TICKS 2048u

#define REQUEST_BUFFERS 1

/* What a command returns beside the codes of its group: SMP cannot read its body, or does not know it. */
enum { BODY_IS_INVALID = -1, IS_UNKNOWN = -2 };

static struct {
    const struct boot_errors *errors;
    uint8_t configuration[CONFIGURATION_RECORD_BYTES];
    bool resetting;
} recovery;

/* Uploads replace what ROM has refused; slot A when there is no choice. */
static void prepare_image_commands(void) {
    const uint32_t *slot = recovery.errors->slot;
    const bool is_configured = configuration_get(recovery.configuration);
    const struct image_environment environment = {
        .runs = NO_SLOT,
        .target = slot[SLOT_A] == BOOT_ERROR_NONE && slot[SLOT_B] != BOOT_ERROR_NONE ? SLOT_B : SLOT_A,
        .firmware_key = is_configured ? recovery.configuration + CONFIGURATION_FIRMWARE_KEY : NULL,
    };
    image_commands_initialise(&environment);
}

static int echo(const uint8_t *body, uint32_t size, struct cbor_writer *response) {
    static const struct cbor_key key = {"d", CBOR_TEXT, true};
    struct cbor_map map;
    if (!cbor_map_read(body, size, &key, 1, &map)) return BODY_IS_INVALID;
    cbor_put_map(response, 1);
    cbor_put_key(response, "r");
    cbor_put_text(response, map.item[0].bytes, (uint32_t)map.item[0].argument);
    return SMP_ERROR_OK;
}

static int put_parameters(struct cbor_writer *response) {
    cbor_put_map(response, 2);
    cbor_put_pair(response, "buf_size", PACKET_BYTES);
    cbor_put_pair(response, "buf_count", REQUEST_BUFFERS);
    return SMP_ERROR_OK;
}

static int reset(struct cbor_writer *response) {
    recovery.resetting = true;
    cbor_put_map(response, 0);
    return SMP_ERROR_OK;
}

static int put_boot(struct cbor_writer *response) {
    cbor_put_map(response, 9);
    cbor_put_pair(response, "recovery", 1);
    cbor_put_pair(response, "error", recovery.errors->boot);
    cbor_put_pair(response, "slot_a", recovery.errors->slot[SLOT_A]);
    cbor_put_pair(response, "slot_b", recovery.errors->slot[SLOT_B]);
    cbor_put_pair(response, "slot", 0);
    cbor_put_pair(response, "lifecycle", otp_lifecycle_read());
    cbor_put_pair(response, "floor", otp_security_floor_read());
    cbor_put_pair(response, "confirmed", 0);
    cbor_put_pair(response, "entropy", (chip_status_read() & CHIP_STATUS_ENTROPY_FAILED_MASK) != 0);
    return CHIP_ERROR_OK;
}

static int take_identity(const uint8_t *body, uint32_t size, struct cbor_writer *response) {
    enum { CHIP, DATA, ID };
    static const struct cbor_key keys[] = {
        [CHIP] = {"chip", CBOR_BYTES, true},
        [DATA] = {"data", CBOR_BYTES, true},
        [ID] = {"id", CBOR_UNSIGNED, false},
    };
    struct cbor_map map;
    if (!cbor_map_read(body, size, keys, COUNT(keys), &map)) return CHIP_ERROR_MALFORMED;
    if (map.item[CHIP].argument != CHIP_ID_BYTES) return CHIP_ERROR_MALFORMED;
    if (map.item[DATA].argument != CONFIGURATION_RECORD_BYTES) return CHIP_ERROR_MALFORMED;
    if (cbor_map_has(&map, ID) && map.item[ID].argument > UINT32_MAX) return CHIP_ERROR_MALFORMED;
    const int error = provision(map.item[CHIP].bytes, map.item[DATA].bytes);
    if (error) return error;
    prepare_image_commands();
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}

/* A command of group, number and operation in one number. */
#define KEY(group, command, operation) ((uint32_t)(group) << 16 | (uint32_t)(command) << 8 | (uint32_t)(operation))

static int carry_out(const struct smp_header *header, const uint8_t *body, struct cbor_writer *response) {
    const uint32_t size = header->length;
    static struct image_effect effect;
    switch (KEY(header->group, header->command, header->operation)) {
    case KEY(OS_GROUP, OS_COMMAND_ECHO, SMP_READ):
    case KEY(OS_GROUP, OS_COMMAND_ECHO, SMP_WRITE):
        return echo(body, size, response);
    case KEY(OS_GROUP, OS_COMMAND_PARAMETERS, SMP_READ):
        return put_parameters(response);
    case KEY(OS_GROUP, OS_COMMAND_RESET, SMP_WRITE):
        return reset(response);
    case KEY(USER_GROUP, COMMAND_BOOT, SMP_READ):
        return put_boot(response);
    case KEY(USER_GROUP, COMMAND_PROVISION, SMP_WRITE):
        return take_identity(body, size, response);
    case KEY(IMAGE_GROUP, IMAGE_COMMAND_STATE, SMP_READ):
        return image_command_state_read(body, size, response);
    case KEY(IMAGE_GROUP, IMAGE_COMMAND_STATE, SMP_WRITE):
        return image_command_state_write(body, size, response, &effect);
    case KEY(IMAGE_GROUP, IMAGE_COMMAND_UPLOAD, SMP_WRITE):
        return image_command_upload(body, size, response);
    case KEY(IMAGE_GROUP, IMAGE_COMMAND_ERASE, SMP_WRITE):
        return image_command_erase(body, size, response);
    default:
        return IS_UNKNOWN;
    }
}

static struct cbor_writer body_writer(void) {
    uint8_t *packet = frame_sender_packet();
    return (struct cbor_writer){packet + SMP_HEADER_BYTES, packet + PACKET_BYTES, false};
}

static void put_error(struct cbor_writer *body, const struct smp_header *header, int error) {
    const bool has_codes = header->group == USER_GROUP || header->group == IMAGE_GROUP;
    if (error == IS_UNKNOWN && header->group == USER_GROUP) error = CHIP_ERROR_UNKNOWN_COMMAND;
    if (error == IS_UNKNOWN) {
        smp_put_protocol_error(body, SMP_ERROR_NOT_SUPPORTED);
    } else if (error == BODY_IS_INVALID || !has_codes) {
        smp_put_protocol_error(body, SMP_ERROR_INVALID);
    } else {
        smp_put_command_error(body, header, (uint32_t)error, SMP_ERROR_UNKNOWN);
    }
}

static void answer(const uint8_t *packet, uint32_t size, bool is_truncated) {
    if (size < SMP_HEADER_BYTES) return;
    const struct smp_header header = smp_header_read(packet);
    struct cbor_writer body = body_writer();
    /* Answering a response could go back and forth for ever. */
    if (header.operation & 1) return;
    if (is_truncated) {
        smp_put_protocol_error(&body, SMP_ERROR_MESSAGE_SIZE);
    } else if (header.length != size - SMP_HEADER_BYTES) {
        smp_put_protocol_error(&body, SMP_ERROR_CORRUPT);
    } else if (header.version > SMP_VERSION_2) {
        smp_put_protocol_error(&body, SMP_ERROR_NOT_SUPPORTED);
    } else {
        const int error = carry_out(&header, packet + SMP_HEADER_BYTES, &body);
        if (error) {
            body = body_writer();
            put_error(&body, &header, error);
        }
    }
    const uint32_t length = (uint32_t)(body.next - frame_sender_packet());
    smp_response_header_write(frame_sender_packet(), &header, length - SMP_HEADER_BYTES);
    frame_send(length);
}

/* Sends what is under way, and restarts the chip. */
static _Noreturn void restart(void) {
    while (frame_is_sending()) frame_sender_poll();
    const uint64_t start = chip_ticks_read();
    while (!ticks_have_passed(start, RESET_DELAY_TICKS)) {
    }
    rom_restart();
}

_Noreturn void recovery_run(const struct boot_errors *errors) {
    recovery.errors = errors;
    recovery.resetting = false;
    frame_receiver_initialise();
    frame_sender_initialise();
    prepare_image_commands();
    for (;;) {
        if (!frame_is_sending()) {
            if (recovery.resetting) restart();
            const enum frame_received received = frame_receive();
            uint32_t size;
            const uint8_t *packet = frame_received_packet(&size);
            if (received != FRAME_NONE) answer(packet, size, received == FRAME_OVERSIZED);
        }
        frame_sender_poll();
    }
}
