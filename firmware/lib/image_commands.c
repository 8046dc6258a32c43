#include "image_commands.h"

#include <livetrap_formats.h>
#include <stddef.h>

#include "bytes.h"
#include "cbor_map.h"
#include "runtime.h"
#include "upload.h"

#define COUNT(array) (sizeof array / sizeof array[0])

/* "255.255.65535.4294967295" */
#define VERSION_BYTES 24
#define STATE_PAIRS 8

static struct image_environment environment;
static bool has_looked_for_upload;

/* The request that is being carried out. */
static struct cbor_map map;

void image_commands_initialise(const struct image_environment *given) {
    environment = *given;
    has_looked_for_upload = false;
}

/* SMP's number of a slot, and the slot of SMP's number. */
static uint32_t exchange(uint32_t slot) { return environment.runs == SLOT_B ? SLOT_A + SLOT_B - slot : slot; }

/* Returns whether the slot that does not run may change: the image that runs can go on without it. */
static bool is_free(void) { return environment.runs == NO_SLOT || slot_flag(environment.runs, TRAILER_CONFIRMED); }

static bool is_pending(uint32_t slot) { return slot_flag(slot, TRAILER_PENDING) && !slot_flag(slot, TRAILER_TRIED); }

static uint8_t *put_decimal(uint8_t *to, uint32_t value) {
    uint32_t divisor = 1;
    while (value / divisor >= 10) divisor *= 10;
    for (; divisor; divisor /= 10) *to++ = (uint8_t)('0' + value / divisor % 10);
    return to;
}

static void put_version(struct cbor_writer *response, const struct image_header *header) {
    uint8_t text[VERSION_BYTES], *next = text;
    const uint32_t parts[] = {header->major, header->minor, header->revision, header->build};
    for (uint32_t part = 0; part < COUNT(parts); part++) {
        if (part == 3 && !parts[part]) break;
        if (part) *next++ = '.';
        next = put_decimal(next, parts[part]);
    }
    cbor_put_key(response, "version");
    cbor_put_text(response, text, (uint32_t)(next - text));
}

static void put_flag(struct cbor_writer *response, const char *key, bool value) {
    cbor_put_key(response, key);
    cbor_put_boolean(response, value);
}

static void put_image(struct cbor_writer *response, uint32_t slot, const struct image *image) {
    cbor_put_map(response, STATE_PAIRS);
    cbor_put_pair(response, "slot", exchange(slot));
    put_version(response, &image->header);
    cbor_put_key(response, "hash");
    cbor_put_bytes(response, image->tlvs.sha256, SHA256_BYTES);
    put_flag(response, "bootable", !slot_flag(slot, TRAILER_REFUSED));
    put_flag(response, "pending", is_pending(slot));
    put_flag(response, "confirmed", slot_flag(slot, TRAILER_CONFIRMED));
    put_flag(response, "active", slot == environment.runs);
    put_flag(response, "permanent", false);
}

static void put_state(struct cbor_writer *response) {
    struct image image;
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++) count += image_read(slot, &image) == BOOT_ERROR_NONE;
    cbor_put_map(response, 1);
    cbor_put_key(response, "images");
    cbor_put_array(response, count);
    for (uint32_t number = 0; number < SLOTS; number++) {
        const uint32_t slot = exchange(number);
        if (image_read(slot, &image) == BOOT_ERROR_NONE) put_image(response, slot, &image);
    }
}

int image_command_state_read(const uint8_t *body, uint32_t size, struct cbor_writer *response) {
    if (!cbor_map_read(body, size, NULL, 0, &map)) return IMAGE_ERROR_UNKNOWN;
    put_state(response);
    return IMAGE_ERROR_OK;
}

/* The slot whose image has this hash, rather the one that runs or rather the other; NO_SLOT when there is none. */
static uint32_t find(const uint8_t *hash, bool rather_runs) {
    uint32_t found = NO_SLOT;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        struct image image;
        if (image_read(slot, &image) != BOOT_ERROR_NONE) continue;
        if (memcmp(image.tlvs.sha256, hash, SHA256_BYTES) != 0) continue;
        if (found == NO_SLOT || (slot == environment.runs) == rather_runs) found = slot;
    }
    return found;
}

static int error_of(uint32_t boot_error) {
    switch (boot_error) {
    case BOOT_ERROR_NONE:
        return IMAGE_ERROR_OK;
    case BOOT_ERROR_DOWNGRADE:
        return IMAGE_ERROR_CURRENT_VERSION_IS_NEWER;
    default:
        return IMAGE_ERROR_INVALID_TLV;
    }
}

static int mark(uint32_t slot, struct image_effect *effect) {
    struct image image;
    if (slot == environment.runs) return IMAGE_ERROR_IMAGE_SETTING_TEST_TO_ACTIVE_DENIED;
    if (!is_free()) return IMAGE_ERROR_NO_FREE_SLOT;
    const int error = error_of(image_check(slot, environment.firmware_key, &image, effect->measurement));
    if (error) return error;
    if (!slot_mark_pending(slot)) return IMAGE_ERROR_FLASH_WRITE_FAILED;
    effect->marked = true;
    return IMAGE_ERROR_OK;
}

static int confirm(uint32_t slot, struct image_effect *effect) {
    if (slot == NO_SLOT || slot != environment.runs) return IMAGE_ERROR_IMAGE_CONFIRMATION_DENIED;
    if (!slot_confirm(slot)) return IMAGE_ERROR_FLASH_WRITE_FAILED;
    effect->confirmed = true;
    return IMAGE_ERROR_OK;
}

int image_command_state_write(const uint8_t *body, uint32_t size, struct cbor_writer *response,
                              struct image_effect *effect) {
    enum { HASH, CONFIRM };
    static const struct cbor_key keys[] = {
        [HASH] = {"hash", CBOR_BYTES, false},
        [CONFIRM] = {"confirm", CBOR_SIMPLE, false},
    };
    effect->marked = effect->confirmed = false;
    if (!cbor_map_read(body, size, keys, COUNT(keys), &map)) return IMAGE_ERROR_UNKNOWN;
    const bool is_confirm = cbor_map_is_true(&map, CONFIRM);
    uint32_t slot = environment.runs;
    if (cbor_map_has(&map, HASH)) {
        if (map.item[HASH].argument != SHA256_BYTES) return IMAGE_ERROR_INVALID_HASH;
        slot = find(map.item[HASH].bytes, is_confirm);
        if (slot == NO_SLOT) return IMAGE_ERROR_HASH_NOT_FOUND;
    } else if (!is_confirm) {
        return IMAGE_ERROR_INVALID_HASH;
    }
    const int error = is_confirm ? confirm(slot, effect) : mark(slot, effect);
    if (!error) put_state(response);
    return error;
}

/* Returns why the target slot may not be written, or OK. */
static int refusal_to_write(void) {
    if (!is_free()) return IMAGE_ERROR_NO_FREE_SLOT;
    return is_pending(environment.target) ? IMAGE_ERROR_IMAGE_ALREADY_PENDING : IMAGE_ERROR_OK;
}

/* Returns whether the image that begins so is newer than the one that runs, if any does. */
static bool is_newer(const uint8_t *bytes) {
    struct image image;
    struct image_header header;
    if (environment.runs == NO_SLOT || image_read(environment.runs, &image) != BOOT_ERROR_NONE) return true;
    memcpy(&header, bytes, sizeof header);
    return image_header_compare(&header, &image.header) > 0;
}

enum { UPLOAD_OFF, UPLOAD_DATA, UPLOAD_LEN, UPLOAD_SHA, UPLOAD_IMAGE, UPLOAD_UPGRADE };

static const struct cbor_key upload_keys[] = {
    [UPLOAD_OFF] = {"off", CBOR_UNSIGNED, true},     [UPLOAD_DATA] = {"data", CBOR_BYTES, true},
    [UPLOAD_LEN] = {"len", CBOR_UNSIGNED, false},    [UPLOAD_SHA] = {"sha", CBOR_BYTES, false},
    [UPLOAD_IMAGE] = {"image", CBOR_UNSIGNED, false}, [UPLOAD_UPGRADE] = {"upgrade", CBOR_SIMPLE, false},
};

static int begin_upload(void) {
    const struct cbor_item *data = &map.item[UPLOAD_DATA], *sha = &map.item[UPLOAD_SHA];
    const bool has_name = cbor_map_has(&map, UPLOAD_SHA);
    if (!cbor_map_has(&map, UPLOAD_LEN)) return IMAGE_ERROR_INVALID_LENGTH;
    if (cbor_map_has(&map, UPLOAD_IMAGE) && map.item[UPLOAD_IMAGE].argument) return IMAGE_ERROR_INVALID_SLOT;
    if (has_name && sha->argument != SHA256_BYTES) return IMAGE_ERROR_INVALID_HASH;
    if (map.item[UPLOAD_LEN].argument > TRAILER_OFFSET) return IMAGE_ERROR_INVALID_IMAGE_TOO_LARGE;
    if (data->argument < HEADER_BYTES) return IMAGE_ERROR_INVALID_IMAGE_HEADER;
    if (load_le32(data->bytes) != IMAGE_MAGIC) return IMAGE_ERROR_INVALID_IMAGE_HEADER_MAGIC;
    if (cbor_map_is_true(&map, UPLOAD_UPGRADE) && !is_newer(data->bytes)) return IMAGE_ERROR_CURRENT_VERSION_IS_NEWER;
    const uint32_t length = (uint32_t)map.item[UPLOAD_LEN].argument;
    if (has_name && upload_resume(length, sha->bytes)) return IMAGE_ERROR_OK;
    return upload_begin(length, has_name ? sha->bytes : NULL) ? IMAGE_ERROR_OK : IMAGE_ERROR_FLASH_ERASE_FAILED;
}

int image_command_upload(const uint8_t *body, uint32_t size, struct cbor_writer *response) {
    if (!cbor_map_read(body, size, upload_keys, COUNT(upload_keys), &map)) return IMAGE_ERROR_UNKNOWN;
    int error = refusal_to_write();
    if (error) return error;
    if (!has_looked_for_upload) upload_initialise(environment.target);
    has_looked_for_upload = true;
    const struct cbor_item *data = &map.item[UPLOAD_DATA];
    const uint64_t offset = map.item[UPLOAD_OFF].argument;
    if (offset == 0) error = begin_upload();
    if (error) return error;
    if (offset == upload_next() && upload_next() < upload_length()) {
        if (data->argument > upload_length() - upload_next()) return IMAGE_ERROR_INVALID_IMAGE_DATA_OVERRUN;
        if (!upload_append(data->bytes, (uint32_t)data->argument)) return IMAGE_ERROR_FLASH_WRITE_FAILED;
    }
    cbor_put_map(response, 1);
    cbor_put_pair(response, "off", upload_next());
    return IMAGE_ERROR_OK;
}

int image_command_erase(const uint8_t *body, uint32_t size, struct cbor_writer *response) {
    static const struct cbor_key key = {"slot", CBOR_UNSIGNED, false};
    if (!cbor_map_read(body, size, &key, 1, &map)) return IMAGE_ERROR_UNKNOWN;
    uint32_t slot = environment.target;
    if (cbor_map_has(&map, 0)) {
        if (map.item[0].argument >= SLOTS) return IMAGE_ERROR_INVALID_SLOT;
        slot = exchange((uint32_t)map.item[0].argument);
    }
    if (slot == environment.runs || !is_free()) return IMAGE_ERROR_NO_FREE_SLOT;
    if (is_pending(slot)) return IMAGE_ERROR_IMAGE_ALREADY_PENDING;
    has_looked_for_upload = false;
    if (!slot_erase(slot)) return IMAGE_ERROR_FLASH_ERASE_FAILED;
    cbor_put_map(response, 0);
    return IMAGE_ERROR_OK;
}
