#include "slots.h"

#include <livetrap_csr.h>

#include "bytes.h"
#include "flash.h"
#include "hash.h"
#include "lms.h"
#include "runtime.h"

#define LABEL_BYTES (sizeof SIGNED_LABEL - 1)
#define VALUE_BYTES 4
#define NOT_SET UINT32_MAX
#define REVOKED 0u

/* Place of the signature behind the body. */
#define SIGNATURE_BEHIND_BODY (PROTECTED_BYTES + sizeof(struct image_tlvs))

static uint32_t slot_offset(uint32_t slot) { return slot * SLOT_BYTES; }

void slot_read(uint32_t slot, uint32_t offset, void *to, uint32_t size) {
    flash_read(slot_offset(slot) + offset, to, size);
}

bool slot_read_begin(uint32_t slot, uint32_t offset, uint32_t size) {
    return flash_read_begin(slot_offset(slot) + offset, size);
}

static int compare(uint32_t left, uint32_t right) { return (left > right) - (left < right); }

/* Major, minor and revision as one number, which orders them. */
static uint32_t version_of(const struct image_header *header) {
    return (uint32_t)header->major << 24 | (uint32_t)header->minor << 16 | header->revision;
}

int image_header_compare(const struct image_header *left, const struct image_header *right) {
    const int order = compare(version_of(left), version_of(right));
    return order ? order : compare(left->build, right->build);
}

int image_compare(const struct image *left, const struct image *right) {
    const int order = compare(left->protected_tlvs.security_version, right->protected_tlvs.security_version);
    return order ? order : image_header_compare(&left->header, &right->header);
}

static uint32_t check_header(const struct image_header *header) {
    const uint8_t *bytes = (const uint8_t *)header;
    uint8_t all = 0xFF;
    for (uint32_t index = 0; index < HEADER_BYTES; index++) all &= bytes[index];
    if (all == 0xFF) return BOOT_ERROR_EMPTY;
    if (header->magic != IMAGE_MAGIC || header->load_address != SRAM_BASE) return BOOT_ERROR_HEADER;
    if (header->header_bytes != HEADER_BYTES || header->protected_bytes != PROTECTED_BYTES) return BOOT_ERROR_HEADER;
    if (header->flags || header->zero) return BOOT_ERROR_HEADER;
    const uint32_t body_bytes = header->body_bytes;
    return body_bytes && body_bytes % 4 == 0 && body_bytes <= MAX_BODY_BYTES ? BOOT_ERROR_NONE : BOOT_ERROR_LENGTH;
}

static bool are_ours(const struct image_protected *protected_tlvs, const struct image_tlvs *tlvs) {
    return protected_tlvs->magic == PROTECTED_MAGIC && protected_tlvs->bytes == PROTECTED_BYTES &&
           protected_tlvs->security_version_type == TLV_SECURITY_VERSION &&
           protected_tlvs->security_version_bytes == VALUE_BYTES && protected_tlvs->map_type == TLV_MAP &&
           protected_tlvs->map_bytes == VALUE_BYTES && tlvs->magic == TLV_MAGIC && tlvs->sha256_type == TLV_SHA256 &&
           tlvs->sha256_bytes == SHA256_BYTES && tlvs->signature_type == TLV_SIGNATURE &&
           tlvs->bytes == sizeof *tlvs + tlvs->signature_bytes;
}

uint32_t image_read(uint32_t slot, struct image *image) {
    slot_read(slot, 0, &image->header, HEADER_BYTES);
    const uint32_t error = check_header(&image->header);
    if (error) return error;
    const uint32_t behind = HEADER_BYTES + image->header.body_bytes;
    slot_read(slot, behind, &image->protected_tlvs, PROTECTED_BYTES);
    slot_read(slot, behind + PROTECTED_BYTES, &image->tlvs, sizeof image->tlvs);
    if (!are_ours(&image->protected_tlvs, &image->tlvs)) return BOOT_ERROR_TLVS;
    const uint32_t end = behind + SIGNATURE_BEHIND_BODY + image->tlvs.signature_bytes;
    return end <= TRAILER_OFFSET ? BOOT_ERROR_NONE : BOOT_ERROR_LENGTH;
}

void image_measure_begin(const struct image *image) {
    hash_begin_turboshake128(DOMAIN_MEASUREMENT);
    hash_update(&image->header, HEADER_BYTES);
}

void image_measure_finish(const struct image *image, uint8_t *measurement) {
    hash_update(&image->protected_tlvs, PROTECTED_BYTES);
    hash_finish(measurement);
}

/* An hss_reader whose context is the flash offset of the signature. */
static void hss_read_slot(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    flash_read(*(const uint32_t *)context + offset, to, size);
}

uint32_t image_verify_signature(uint32_t slot, const struct image *image, const uint8_t *firmware_key,
                                const uint8_t *measurement) {
    uint8_t message[LABEL_BYTES + MEASUREMENT_BYTES];
    uint32_t offset = slot_offset(slot) + HEADER_BYTES + image->header.body_bytes + SIGNATURE_BEHIND_BODY;
    memcpy(message, SIGNED_LABEL, LABEL_BYTES);
    memcpy(message + LABEL_BYTES, measurement, MEASUREMENT_BYTES);
    return hss_verify(firmware_key, message, sizeof message, hss_read_slot, &offset, image->tlvs.signature_bytes);
}

uint32_t image_check(uint32_t slot, const uint8_t *firmware_key, struct image *image, uint8_t *measurement) {
    const uint32_t error = image_read(slot, image);
    if (error) return error;
    if (image->protected_tlvs.map_hash != MAP_HASH) return BOOT_ERROR_WRONG_CHIP;
    if (image->protected_tlvs.security_version < otp_security_floor_read()) return BOOT_ERROR_DOWNGRADE;
    image_measure_begin(image);
    for (uint32_t at = 0, end = image->header.body_bytes; at < end;) {
        uint8_t piece[128];
        const uint32_t size = end - at < sizeof piece ? end - at : sizeof piece;
        slot_read(slot, HEADER_BYTES + at, piece, size);
        hash_update(piece, size);
        at += size;
    }
    image_measure_finish(image, measurement);
    if (!firmware_key) return BOOT_ERROR_NONE;
    if (!hss_key_is_valid(firmware_key)) return BOOT_ERROR_KEY;
    const uint32_t verdict = image_verify_signature(slot, image, firmware_key, measurement);
    return verdict == HSS_VALID ? BOOT_ERROR_NONE : BOOT_ERROR_SIGNATURE;
}

static uint32_t read_flag(uint32_t slot, uint32_t flag) {
    uint8_t word[4];
    slot_read(slot, TRAILER_OFFSET + flag, word, sizeof word);
    return load_le32(word);
}

static bool program_flag(uint32_t slot, uint32_t flag, uint32_t value) {
    uint8_t word[4];
    store_le32(word, value);
    if (!flash_program(slot_offset(slot) + TRAILER_OFFSET + flag, word, sizeof word)) return false;
    return read_flag(slot, flag) == value;
}

bool slot_flag(uint32_t slot, uint32_t flag) { return read_flag(slot, flag) == FLAG_SET; }

bool slot_set_flag(uint32_t slot, uint32_t flag) { return slot_flag(slot, flag) || program_flag(slot, flag, FLAG_SET); }

bool slot_mark_pending(uint32_t slot) {
    const bool is_fresh = read_flag(slot, TRAILER_TRIED) == NOT_SET && read_flag(slot, TRAILER_CONFIRMED) == NOT_SET &&
                          read_flag(slot, TRAILER_REFUSED) == NOT_SET;
    if (!is_fresh && !flash_erase_sector(slot_offset(slot) + TRAILER_OFFSET)) return false;
    return slot_set_flag(slot, TRAILER_PENDING);
}

bool slot_confirm(uint32_t slot) {
    const uint32_t other = SLOT_A + SLOT_B - slot;
    if (!slot_set_flag(slot, TRAILER_CONFIRMED)) return false;
    const uint32_t confirmed = read_flag(other, TRAILER_CONFIRMED);
    /* Anything else may be a flag whose programming power loss cut short: its bits may read otherwise one day. */
    if (confirmed == NOT_SET || confirmed == REVOKED) return true;
    return slot_set_flag(other, TRAILER_TRIED) && program_flag(other, TRAILER_CONFIRMED, REVOKED);
}

static bool is_erased(uint32_t offset) {
    uint8_t all = 0xFF;
    for (uint32_t at = 0; at < SECTOR_BYTES && all == 0xFF;) {
        uint8_t piece[64];
        flash_read(offset + at, piece, sizeof piece);
        for (uint32_t index = 0; index < sizeof piece; index++) all &= piece[index];
        at += sizeof piece;
    }
    return all == 0xFF;
}

bool slot_erase(uint32_t slot) {
    /* From the last sector down: the flags must not outlive the image. */
    for (uint32_t at = SLOT_BYTES; at; at -= SECTOR_BYTES) {
        const uint32_t sector = slot_offset(slot) + at - SECTOR_BYTES;
        if (!is_erased(sector) && !flash_erase_sector(sector)) return false;
    }
    return true;
}
