/* The two slots for firmware images in flash (formats/image.py, formats/flash.py): what they hold, and their flags.
   */
#ifndef LIVETRAP_SLOTS_H
#define LIVETRAP_SLOTS_H

#include <livetrap_formats.h>
#include <stdbool.h>
#include <stdint.h>

#include "handoff.h"

#define SHA256_BYTES 32

enum { SLOT_A = 0, SLOT_B = 1 };

/* What stands before and behind a body, field by field as it lies in flash; little-endian, as this machine is. */
struct image_header {
    uint32_t magic, load_address;
    uint16_t header_bytes, protected_bytes;
    uint32_t body_bytes, flags;
    uint8_t major, minor;
    uint16_t revision;
    uint32_t build, zero;
};

struct image_protected {
    uint16_t magic, bytes, security_version_type, security_version_bytes;
    uint32_t security_version;
    uint16_t map_type, map_bytes;
    uint32_t map_hash;
};

struct image_tlvs {
    uint16_t magic, bytes, sha256_type, sha256_bytes;
    uint8_t sha256[SHA256_BYTES];
    uint16_t signature_type, signature_bytes;
};

_Static_assert(sizeof(struct image_header) == HEADER_BYTES, "MCUboot's header");
_Static_assert(sizeof(struct image_protected) == PROTECTED_BYTES, "formats/image.py");

/* An image but for its body and signature. Header and protected TLVs are signed, as the body is. */
struct image {
    struct image_header header;
    struct image_protected protected_tlvs;
    struct image_tlvs tlvs;
};

/* Compares security version, then version: negative, 0 or positive when the first is older, as old, or newer. */
int image_compare(const struct image *left, const struct image *right);

/* Compares the versions of two headers, likewise. */
int image_header_compare(const struct image_header *left, const struct image_header *right);

/* Reads what stands around the body of a slot's image, and checks its form: all of formats/image.py but what needs a
   key, fuses or a hash. Returns BOOT_ERROR_NONE, EMPTY, HEADER, LENGTH or TLVS. */
uint32_t image_read(uint32_t slot, struct image *image);

/* Begins the hash that measures an image, up to its body; and ends it, behind the body. */
void image_measure_begin(const struct image *image);
void image_measure_finish(const struct image *image, uint8_t *measurement);

/* Verifies the slot's signature over a measurement, as hss_verify does: HSS_VALID, or anything else. */
uint32_t image_verify_signature(uint32_t slot, const struct image *image, const uint8_t *firmware_key,
                                const uint8_t *measurement);

/* Checks all that ROM will check of the slot's image, as it lies in flash, and measures it. firmware_key:
   HSS_KEY_BYTES, or NULL to leave the signature out. Returns a BOOT_ERROR_*: NONE, or the first check that failed.
   About 10^6 cycles. */
uint32_t image_check(uint32_t slot, const uint8_t *firmware_key, struct image *image, uint8_t *measurement);

/* Whether a flag (TRAILER_*) is set. */
bool slot_flag(uint32_t slot, uint32_t flag);

/* Sets a flag. Returns false when flash fails. */
bool slot_set_flag(uint32_t slot, uint32_t flag);

/* Has the image of a slot tried at the next boot, whatever became of it before. Returns as slot_set_flag does. */
bool slot_mark_pending(uint32_t slot);

/* Confirms the image of a slot, and takes the confirmation from the other, which stays as what is started when this
   one is spoilt. Nothing is programmed that is so already. Returns as slot_set_flag does. */
bool slot_confirm(uint32_t slot);

/* Erases a slot with its flags, those first; sectors that are erased are left alone. Returns as slot_set_flag does.
   */
bool slot_erase(uint32_t slot);

/* Bytes of a slot, by offset; and the beginning of a read that flash_read_take goes on with. */
void slot_read(uint32_t slot, uint32_t offset, void *to, uint32_t size);
bool slot_read_begin(uint32_t slot, uint32_t offset, uint32_t size);

#endif
