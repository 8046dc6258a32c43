/* The firmware's parsers on this machine, one input after another over stdin and stdout: a byte that names the parser, a u32
   size and that many bytes; the answer is a u32 size and that many bytes. Integers are little-endian. A flash of
   one slot's size, in RAM, stands for the chip's; hashes are zeros. Sanitizers watch. */
#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "countersignature.h"
#include "flash.h"
#include "frame_receiver.h"
#include "hash.h"
#include "image_commands.h"
#include "journal.h"
#include "lms.h"
#include "request.h"
#include "slots.h"

#define INPUT_BYTES (1u << 20)
#define FLASH_USED (LOG_OFFSET)

static uint8_t input[INPUT_BYTES], output[INPUT_BYTES], flash[FLASH_USED];
static uint32_t output_size;

/* The link: bytes of the input, each valid once. */
static const uint8_t *link_next, *link_end;

uint32_t link_rx_read(void) { return link_next == link_end ? 0 : LINK_RX_VALID_MASK | *link_next++; }

static void must_lie_in_flash(uint32_t offset, uint32_t size) {
    if (offset > FLASH_USED || size > FLASH_USED - offset) {
        fprintf(stderr, "flash access at %u of %u bytes\n", offset, size);
        abort();
    }
}

void flash_read(uint32_t offset, void *to, uint32_t size) {
    must_lie_in_flash(offset, size);
    memcpy(to, flash + offset, size);
}

static uint32_t read_at, read_left;

bool flash_read_begin(uint32_t offset, uint32_t size) {
    must_lie_in_flash(offset, size);
    read_at = offset;
    read_left = size;
    return true;
}

bool flash_read_take(void *to, uint32_t size) {
    if (size > read_left) {
        fprintf(stderr, "more of a flash read is taken than was begun\n");
        abort();
    }
    memcpy(to, flash + read_at, size);
    read_at += size;
    read_left -= size;
    return true;
}

bool flash_is_blank(uint32_t from, uint32_t to) {
    must_lie_in_flash(from, to - from);
    for (; from < to; from++) {
        if (flash[from] != 0xFF) return false;
    }
    return true;
}

bool flash_program(uint32_t offset, const void *from, uint32_t size) {
    must_lie_in_flash(offset, size);
    for (uint32_t at = 0; at < size; at++) flash[offset + at] &= ((const uint8_t *)from)[at];
    return true;
}

bool flash_erase_sector(uint32_t offset) {
    must_lie_in_flash(offset, SECTOR_BYTES);
    memset(flash + offset, 0xFF, SECTOR_BYTES);
    return true;
}

void hash_begin_turboshake128(uint8_t domain) { (void)domain; }
void hash_begin_shake256(void) {}
void hash_flush(void) {}
void hash_finish(uint8_t *digest) { memset(digest, 0, HASH_BYTES); }

/* Every byte that is hashed is read, so that the sanitizer sees it. */
void hash_update(const void *bytes, uint32_t size) {
    static volatile uint8_t sum;
    for (uint32_t at = 0; at < size; at++) sum ^= ((const uint8_t *)bytes)[at];
}

void hash_lmots_chain(const uint8_t *identifier, uint32_t q, uint32_t chain, uint32_t from, uint32_t to, uint8_t *value) {
    (void)q;
    (void)chain;
    hash_update(identifier, IDENTIFIER_BYTES);
    if (from > to || to >= 1u << WINTERNITZ) abort();
    value[0] ^= 1;
}

/* A configuration with a verifier key of the one parameter set, whose root no hash leads to. Its digest is in the fuses. */
uint32_t journal_get(uint32_t type, void *to, uint32_t most) {
    uint8_t *record = to;
    if (type != JOURNAL_RECORD_CONFIGURATION || most < CONFIGURATION_RECORD_BYTES) return 0;
    memset(record, 0, CONFIGURATION_RECORD_BYTES);
    static const uint8_t key[] = {0, 0, 0, 1, 0, 0, 0, 0x15, 0, 0, 0, 0x0F, 0x77};
    memcpy(record + CONFIGURATION_VERIFIER_KEY, key, sizeof key);
    record[CONFIGURATION_VERIFIER_KEY + HSS_KEY_BYTES - 1] = 0x77;
    return CONFIGURATION_RECORD_BYTES;
}

void chip_identity_index_write(uint32_t value) { (void)value; }
uint32_t chip_identity_data_read(void) { return 0; }
uint32_t chip_map_hash_read(void) { return MAP_HASH; }
uint32_t otp_security_floor_read(void) { return 3; }

static void put(const void *bytes, uint32_t size) {
    if (size > INPUT_BYTES - output_size) abort();
    memcpy(output + output_size, bytes, size);
    output_size += size;
}

static void put_number(uint32_t value) { put(&value, sizeof value); }

/* Each packet: whether it is oversized, its size, its bytes. */
static void receive_frames(uint32_t size) {
    link_next = input;
    link_end = input + size;
    frame_receiver_initialise();
    while (link_next != link_end) {
        const enum frame_received received = frame_receive();
        if (received == FRAME_NONE) continue;
        uint32_t bytes;
        const uint8_t *packet = frame_received_packet(&bytes);
        put_number(received == FRAME_OVERSIZED);
        put_number(bytes);
        put(packet, bytes);
    }
}

/* Whether the body is accepted, and which fields it has; every byte of their values is read. */
static void read_request(const uint8_t *body, uint32_t size) {
    static struct request request;
    const uint32_t all = (1u << FIELD_KINDS) - 1;
    const bool is_read = request_read(&request, body, size, 0, all);
    put_number(is_read);
    if (!is_read) return;
    put_number(request.present);
    const uint32_t strings = FIELD_BIT(FIELD_NONCE) | FIELD_BIT(FIELD_DATA) | FIELD_BIT(FIELD_TEXT) | FIELD_BIT(FIELD_DIGEST);
    for (uint32_t field = 0; field < FIELD_KINDS; field++) {
        if (!(request.present & strings & FIELD_BIT(field))) continue;
        hash_update(request.field[field].bytes, (uint32_t)request.field[field].number);
    }
}

/* Into slot A; the other keeps what it has. */
static void put_slot(const uint8_t *bytes, uint32_t size) {
    memset(flash, 0xFF, SLOT_BYTES);
    memcpy(flash, bytes, size < SLOT_BYTES ? size : SLOT_BYTES);
}

static void read_image(const uint8_t *bytes, uint32_t size) {
    static const uint8_t key[HSS_KEY_BYTES] = {0, 0, 0, 1, 0, 0, 0, 0x15, 0, 0, 0, 0x0F, 0x77};
    struct image image;
    uint8_t measurement[HASH_BYTES];
    put_slot(bytes, size);
    put_number(image_read(SLOT_A, &image));
    put_number(image_check(SLOT_A, key, &image, measurement));
}

/* A command of the image group. Slot A runs, and is confirmed; slot B keeps what earlier inputs left. */
static void image_command(uint32_t command, const uint8_t *body, uint32_t size) {
    const uint32_t confirmed = FLAG_SET;
    memcpy(flash + TRAILER_OFFSET + TRAILER_CONFIRMED, &confirmed, sizeof confirmed);
    static uint8_t response[2048];
    struct cbor_writer writer = {response, response + sizeof response, false};
    struct image_effect effect;
    int error = 0;
    switch (command) {
    case 0:
        error = image_command_state_read(body, size, &writer);
        break;
    case 1:
        error = image_command_state_write(body, size, &writer, &effect);
        /* As the next boot does: otherwise the slot would stay closed to uploads. */
        if (!error && effect.marked) slot_set_flag(SLOT_B, TRAILER_TRIED);
        break;
    case 2:
        error = image_command_upload(body, size, &writer);
        break;
    default:
        error = image_command_erase(body, size, &writer);
        break;
    }
    put_number((uint32_t)error);
    if (!error) put(response, (uint32_t)(writer.next - response));
}

static void check_countersignature(const uint8_t *data, uint32_t size) {
    uint8_t payload[APPROVAL_PAYLOAD_BYTES];
    const uint8_t *found = countersignature_payload(data, size, APPROVAL_PAYLOAD_BYTES);
    put_number(found != NULL);
    if (!found) return;
    memcpy(payload, found, sizeof payload);
    put_number(countersignature_holds(data, size, payload, sizeof payload));
}

static void carry_out(int parser, uint32_t size) {
    /* A copy of its own size, so that the sanitizer sees any byte read beyond it. */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, input, size);
    switch (parser) {
    case 'F':
        receive_frames(size);
        break;
    case 'R':
        read_request(copy, size);
        break;
    case 'I':
        read_image(copy, size);
        break;
    case 'G':
        if (size) image_command(copy[0] & 3, copy + 1, size - 1);
        break;
    case 'C':
        check_countersignature(copy, size);
        break;
    default:
        abort();
    }
    free(copy);
}

int main(void) {
    static const struct image_environment environment = {SLOT_A, SLOT_B, NULL};
    memset(flash, 0xFF, sizeof flash);
    countersignature_initialise();
    image_commands_initialise(&environment);
    for (int parser; (parser = getchar()) != EOF;) {
        uint32_t size;
        if (fread(&size, sizeof size, 1, stdin) != 1 || size > sizeof input) return 1;
        if (fread(input, 1, size, stdin) != size) return 1;
        output_size = 0;
        carry_out(parser, size);
        fwrite(&output_size, sizeof output_size, 1, stdout);
        fwrite(output, 1, output_size, stdout);
        fflush(stdout);
    }
    return 0;
}
