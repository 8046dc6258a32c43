#include "dispatch.h"

#include <livetrap_formats.h>

#include "commands.h"
#include "confirmation.h"
#include "evidence.h"
#include "frame_sender.h"
#include "image_group.h"
#include "runtime.h"
#include "smp.h"

#define ID FIELD_BIT(FIELD_ID)
#define NONCE FIELD_BIT(FIELD_NONCE)
#define SEQ FIELD_BIT(FIELD_SEQ)
#define OFF FIELD_BIT(FIELD_OFF)
#define LEN FIELD_BIT(FIELD_LEN)
#define ADDR FIELD_BIT(FIELD_ADDR)
#define DATA FIELD_BIT(FIELD_DATA)
#define RATE FIELD_BIT(FIELD_RATE)
#define TEXT FIELD_BIT(FIELD_TEXT)
#define COUNT FIELD_BIT(FIELD_COUNT)
#define ITERATIONS FIELD_BIT(FIELD_ITERATIONS)
#define OPEN FIELD_BIT(FIELD_OPEN)
#define END FIELD_BIT(FIELD_END)
#define DIGEST FIELD_BIT(FIELD_DIGEST)
#define STATE FIELD_BIT(FIELD_STATE)
#define INDEX FIELD_BIT(FIELD_INDEX)

/* changes: whether the retry rule applies. */
struct command {
    uint8_t group, command, operation;
    bool changes;
    uint32_t required, optional;
    command_function *carry_out;
};

static const struct command commands[] = {
    {OS_GROUP, OS_COMMAND_ECHO, SMP_WRITE, false, TEXT, 0, command_echo},
    {OS_GROUP, OS_COMMAND_ECHO, SMP_READ, false, TEXT, 0, command_echo},
    {OS_GROUP, OS_COMMAND_RESET, SMP_WRITE, true, 0, 0, command_reset},
    {OS_GROUP, OS_COMMAND_PARAMETERS, SMP_READ, false, 0, 0, command_parameters},
    {USER_GROUP, COMMAND_INFO, SMP_READ, false, 0, 0, command_info},
    {USER_GROUP, COMMAND_ATTEST, SMP_WRITE, true, NONCE, ID, command_attest},
    {USER_GROUP, COMMAND_SNAPSHOT, SMP_WRITE, true, 0, NONCE | ID, command_snapshot},
    {USER_GROUP, COMMAND_STATEMENT, SMP_READ, false, SEQ, 0, command_statement},
    {USER_GROUP, COMMAND_PAGE, SMP_READ, false, SEQ | OFF | LEN, 0, command_page},
    {USER_GROUP, COMMAND_MEMORY, SMP_READ, false, ADDR | LEN, 0, command_memory_read},
    {USER_GROUP, COMMAND_MEMORY, SMP_WRITE, true, ADDR | DATA, ID, command_memory_write},
    {USER_GROUP, COMMAND_TRIGGER, SMP_READ, false, 0, 0, command_trigger_read},
    {USER_GROUP, COMMAND_TRIGGER, SMP_WRITE, true, RATE, ID, command_trigger_write},
    {USER_GROUP, COMMAND_RUN, SMP_WRITE, true, ADDR | COUNT | ITERATIONS | OPEN | END, ID, command_run},
    {USER_GROUP, COMMAND_ACCELERATOR, SMP_READ, false, 0, 0, command_accelerator_read},
    {USER_GROUP, COMMAND_ACCELERATOR, SMP_WRITE, true, 0, ID, command_accelerator_write},
    {USER_GROUP, COMMAND_PRECOMMIT, SMP_WRITE, true, DIGEST, ID, command_precommit},
    {USER_GROUP, COMMAND_COUNTERS, SMP_READ, false, 0, 0, command_counters},
    {USER_GROUP, COMMAND_CERTIFICATE, SMP_READ, false, 0, 0, command_certificate_read},
    {USER_GROUP, COMMAND_CERTIFICATE, SMP_WRITE, true, DATA, ID, command_certificate_write},
    {USER_GROUP, COMMAND_BOOT, SMP_READ, false, 0, 0, command_boot},
    {USER_GROUP, COMMAND_CONFIGURATION, SMP_READ, false, 0, 0, command_configuration},
    {USER_GROUP, COMMAND_LIFECYCLE, SMP_WRITE, true, STATE, ID, command_lifecycle},
    {USER_GROUP, COMMAND_EVENT, SMP_READ, false, INDEX, 0, command_event},
    {USER_GROUP, COMMAND_RECEIPT, SMP_READ, false, 0, 0, command_receipt_read},
    {USER_GROUP, COMMAND_RECEIPT, SMP_WRITE, true, DATA, ID, command_receipt_write},
    {USER_GROUP, COMMAND_TRUNCATE, SMP_WRITE, true, DATA, ID, command_truncate},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

/* Of a request that changes something, the response is at most this long: a header, and one integer or an error. */
#define KEPT_BYTES 40

/* A request that changes something: its header, and its id if has_id. */
struct origin {
    struct smp_header header;
    uint32_t id;
    bool has_id;
};

/* last_*: the last request with an id, and its response. pending_*: the request whose response is to come. */
static struct {
    bool has_last, is_pending;
    struct origin last, pending;
    uint32_t last_size;
    uint8_t last_response[KEPT_BYTES];
} dispatch;

void dispatch_initialise(void) { memset(&dispatch, 0, sizeof dispatch); }

bool dispatch_is_pending(void) { return dispatch.is_pending; }

static uint32_t smp_error_of(int chip_error) {
    switch (chip_error) {
    case CHIP_ERROR_MALFORMED:
    case CHIP_ERROR_OUT_OF_RANGE:
    case CHIP_ERROR_MISALIGNED:
        return SMP_ERROR_INVALID;
    case CHIP_ERROR_UNKNOWN_COMMAND:
        return SMP_ERROR_NOT_SUPPORTED;
    case CHIP_ERROR_TOO_LARGE:
        return SMP_ERROR_MESSAGE_SIZE;
    case CHIP_ERROR_NOT_FOUND:
    case CHIP_ERROR_SUPERSEDED:
        return SMP_ERROR_NOT_FOUND;
    case CHIP_ERROR_LOG_FULL:
        return SMP_ERROR_NO_MEMORY;
    case CHIP_ERROR_BUSY:
        return SMP_ERROR_BUSY;
    case CHIP_ERROR_UNSIGNED:
        return SMP_ERROR_CORRUPT;
    case CHIP_ERROR_STOPPED:
    case CHIP_ERROR_HELD:
    case CHIP_ERROR_ENTROPY:
    case CHIP_ERROR_RETIRED:
    case CHIP_ERROR_NOT_PROVISIONED:
    case CHIP_ERROR_ALREADY_SET:
        return SMP_ERROR_BAD_STATE;
    default:
        return SMP_ERROR_UNKNOWN;
    }
}

static struct cbor_writer body_writer(void) {
    uint8_t *packet = frame_sender_packet();
    return (struct cbor_writer){packet + SMP_HEADER_BYTES, packet + PACKET_BYTES, false};
}

/* Returns the size of the packet sent. */
static uint32_t send_response(const struct smp_header *request, const struct cbor_writer *body) {
    uint8_t *packet = frame_sender_packet();
    const uint32_t size = (uint32_t)(body->next - packet);
    smp_response_header_write(packet, request, size - SMP_HEADER_BYTES);
    frame_send(size);
    return size;
}

static void send_protocol_error(const struct smp_header *request, uint32_t smp_error) {
    struct cbor_writer body = body_writer();
    smp_put_protocol_error(&body, smp_error);
    send_response(request, &body);
}

/* Sends the body, or the error instead. The OS group has no error codes of its own here: SMP's say what is wrong. */
static uint32_t send_outcome(const struct smp_header *request, int error, struct cbor_writer body) {
    if (error) {
        body = body_writer();
        if (request->group == USER_GROUP) {
            smp_put_command_error(&body, request, (uint32_t)error, smp_error_of(error));
        } else {
            smp_put_protocol_error(&body, smp_error_of(error));
        }
    } else {
        confirmation_answered();
    }
    return send_response(request, &body);
}

/* What was carried out, or at least begun, must not be again. */
static void keep_response(const struct origin *origin, int error, uint32_t size) {
    if (!origin->has_id || size > KEPT_BYTES || (error && error != CHIP_ERROR_HARDWARE)) return;
    memcpy(dispatch.last_response, frame_sender_packet(), size);
    dispatch.last = *origin;
    dispatch.last_size = size;
    dispatch.has_last = true;
}

static bool is_retry(const struct origin *earlier, const struct origin *origin) {
    return earlier->has_id && origin->has_id && earlier->id == origin->id &&
           earlier->header.sequence == origin->header.sequence;
}

static void carry_out(const struct command *command, const struct origin *origin, const struct request *request) {
    struct cbor_writer body = body_writer();
    if (!command->changes) {
        const int outcome = command->carry_out(request, &body);
        send_outcome(&origin->header, outcome, body);
        return;
    }
    if (dispatch.is_pending) {
        if (!is_retry(&dispatch.pending, origin)) send_outcome(&origin->header, CHIP_ERROR_BUSY, body);
        return;
    }
    if (dispatch.has_last && is_retry(&dispatch.last, origin)) {
        memcpy(frame_sender_packet(), dispatch.last_response, dispatch.last_size);
        frame_send(dispatch.last_size);
        return;
    }
    const int outcome = command->carry_out(request, &body);
    if (outcome == COMMAND_DEFERRED) {
        dispatch.pending = *origin;
        dispatch.is_pending = true;
    } else {
        keep_response(origin, outcome, send_outcome(&origin->header, outcome, body));
    }
}

static bool is_known(uint32_t group) { return group == OS_GROUP || group == IMAGE_GROUP || group == USER_GROUP; }

/* Requests of the image group name what they change, so that a retry changes nothing more. */
static void carry_out_image_request(const struct smp_header *header, const uint8_t *request) {
    struct cbor_writer body = body_writer();
    const int error = image_group_carry_out(header, request, &body);
    if (error) body = body_writer();
    if (!error) {
        confirmation_answered();
    } else if (error == IMAGE_GROUP_UNKNOWN) {
        smp_put_protocol_error(&body, SMP_ERROR_NOT_SUPPORTED);
    } else if (error == IMAGE_GROUP_BUSY) {
        smp_put_protocol_error(&body, SMP_ERROR_BUSY);
    } else {
        smp_put_command_error(&body, header, (uint32_t)error, SMP_ERROR_UNKNOWN);
    }
    send_response(header, &body);
}

static const struct command *find_command(const struct smp_header *header) {
    for (uint32_t index = 0; index < COMMANDS; index++) {
        const struct command *command = &commands[index];
        if (command->group == header->group && command->command == header->command &&
            command->operation == header->operation) {
            return command;
        }
    }
    return NULL;
}

void dispatch_packet(const uint8_t *packet, uint32_t size, bool truncated) {
    static struct request request;
    if (size < SMP_HEADER_BYTES) return;
    struct origin origin = {.header = smp_header_read(packet)};
    const struct smp_header *header = &origin.header;
    /* Answering a response could go back and forth for ever. */
    if (header->operation & 1) return;
    if (truncated) {
        send_protocol_error(header, SMP_ERROR_MESSAGE_SIZE);
        return;
    }
    if (header->length != size - SMP_HEADER_BYTES) {
        send_protocol_error(header, SMP_ERROR_CORRUPT);
        return;
    }
    if (header->version > SMP_VERSION_2 || !is_known(header->group)) {
        send_protocol_error(header, SMP_ERROR_NOT_SUPPORTED);
        return;
    }
    if (header->group == IMAGE_GROUP) {
        carry_out_image_request(header, packet + SMP_HEADER_BYTES);
        return;
    }
    const struct command *command = find_command(header);
    if (!command) {
        send_outcome(header, CHIP_ERROR_UNKNOWN_COMMAND, body_writer());
        return;
    }
    if (!request_read(&request, packet + SMP_HEADER_BYTES, header->length, command->required, command->optional)) {
        send_outcome(header, CHIP_ERROR_MALFORMED, body_writer());
        return;
    }
    origin.has_id = request_has(&request, FIELD_ID);
    origin.id = (uint32_t)request.field[FIELD_ID].number;
    carry_out(command, &origin, &request);
}

void dispatch_poll(void) {
    if (!dispatch.is_pending) return;
    uint64_t seq;
    const int outcome = evidence_outcome(&seq);
    if (outcome == EVIDENCE_PENDING) return;
    struct cbor_writer body = body_writer();
    cbor_put_map(&body, 1);
    cbor_put_pair(&body, "seq", seq);
    dispatch.is_pending = false;
    keep_response(&dispatch.pending, outcome, send_outcome(&dispatch.pending.header, outcome, body));
}
