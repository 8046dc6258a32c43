#include "lms.h"

#include <livetrap_formats.h>
#include <stdbool.h>

#include "bytes.h"
#include "hash.h"
#include "runtime.h"

/* RFC 8554 3.1.1, and the places of fields in keys and signatures: 4.5, 5.3, 5.4, 6.1 and 6.2. */
enum { D_PBLC = 0x8080, D_MESG = 0x8181, D_LEAF = 0x8282, D_INTR = 0x8383 };
enum { KEY_TYPE = 0, KEY_OTS_TYPE = 4, KEY_IDENTIFIER = 8, KEY_ROOT = KEY_IDENTIFIER + IDENTIFIER_BYTES };
enum { SIGNATURE_OTS = 4, OTS_RANDOMIZER = 4, OTS_VALUES = OTS_RANDOMIZER + LMS_HASH_BYTES };

#define LEVELS_BYTES 4
#define TYPE_BYTES 4
#define HIGHEST_DIGIT ((1u << WINTERNITZ) - 1)
#define DIGEST_DIGITS (8u * LMS_HASH_BYTES / WINTERNITZ)

/* What a differing byte adds to the first and to the second count: bits of HSS_VALID that are flipped, for each count
   others. At most MAX_LEVELS * LMS_HASH_BYTES bytes differ. */
#define FIRST_WEIGHT 1u
#define SECOND_WEIGHT 0x10000u

/* Other than what keys hold, and than memory that was cleared. */
#define NO_ROOT 0xFF

/* key: of a level. values: of the one-time signature, then the chains' ends. */
static struct {
    _Alignas(4) uint8_t key[MAX_LEVELS][LMS_KEY_BYTES];
    _Alignas(4) uint8_t values[CHAINS * LMS_HASH_BYTES];
} work;

/* Of each level, the root that the signature under its key leads to. Compared when every level is done, twice. */
static uint8_t candidate[MAX_LEVELS][LMS_HASH_BYTES];

static uint32_t load_be32(const uint8_t *bytes) { return load_be16(bytes) << 16 | load_be16(bytes + 2); }

static void store_be32(uint8_t *bytes, uint32_t value) {
    store_be16(bytes, value >> 16);
    store_be16(bytes + 2, value);
}

/* Returns the height of the trees of an LMS public key, or 0 if it is not of our parameter set. */
static uint32_t height_of(const uint8_t *key) {
    if (load_be32(key + KEY_OTS_TYPE) != LMOTS_SHAKE_N24_W4) return 0;
    switch (load_be32(key + KEY_TYPE)) {
    case LMS_SHAKE_M24_H5:
        return 5;
    case LMS_SHAKE_M24_H10:
        return 10;
    case LMS_SHAKE_M24_H15:
        return 15;
    case LMS_SHAKE_M24_H20:
        return 20;
    case LMS_SHAKE_M24_H25:
        return 25;
    default:
        return 0;
    }
}

bool hss_key_is_valid(const uint8_t *key) {
    const uint32_t levels = load_be32(key);
    return levels >= 1 && levels <= MAX_LEVELS && height_of(key + LEVELS_BYTES);
}

/* Begins a hash over I || u32str(number) || u16str(domain). */
static void begin(const uint8_t *identifier, uint32_t number, uint32_t domain) {
    uint8_t numbers[6];
    store_be32(numbers, number);
    store_be16(numbers + 4, domain);
    hash_begin_shake256();
    hash_update(identifier, IDENTIFIER_BYTES);
    hash_update(numbers, sizeof numbers);
}

static void finish(uint8_t *node) {
    uint8_t digest[HASH_BYTES];
    hash_finish(digest);
    memcpy(node, digest, LMS_HASH_BYTES);
}

static uint32_t digit(const uint8_t *string, uint32_t index) {
    return string[index / 2] >> (index % 2 ? 0 : WINTERNITZ) & HIGHEST_DIGIT;
}

/* Runs the chains from the digits of the message's hash and its checksum to their ends (RFC 8554 4.4, 4.6). */
static void run_chains(const uint8_t *identifier, uint32_t q, uint8_t *hash) {
    uint32_t sum = 0;
    for (uint32_t index = 0; index < DIGEST_DIGITS; index++) sum += HIGHEST_DIGIT - digit(hash, index);
    store_be16(hash + LMS_HASH_BYTES, sum << CHECKSUM_SHIFT);
    for (uint32_t index = 0; index < CHAINS; index++) {
        uint8_t *value = work.values + LMS_HASH_BYTES * index;
        hash_lmots_chain(identifier, q, index, digit(hash, index), HIGHEST_DIGIT, value);
    }
}

/* Climbs the tree from the one-time public key to the root (RFC 8554 5.4.2). */
static void climb(const uint8_t *identifier, uint32_t q, uint32_t height, hss_reader *read, void *context,
                  uint32_t path, uint8_t *node) {
    uint32_t number = (1u << height) + q;
    begin(identifier, q, D_PBLC);
    hash_update(work.values, sizeof work.values);
    finish(node);
    begin(identifier, number, D_LEAF);
    hash_update(node, LMS_HASH_BYTES);
    finish(node);
    for (; number > 1; number /= 2, path += LMS_HASH_BYTES) {
        uint8_t sibling[LMS_HASH_BYTES];
        read(context, path, sibling, LMS_HASH_BYTES);
        begin(identifier, number / 2, D_INTR);
        hash_update(number % 2 ? sibling : node, LMS_HASH_BYTES);
        hash_update(number % 2 ? node : sibling, LMS_HASH_BYTES);
        finish(node);
    }
}

/* Computes the root that the LMS signature at `at` leads to, as signed under a level's key. Returns the signature's
   size, or 0 when it is none of that key's parameter set. */
static uint32_t lead_to_root(uint32_t level, const uint8_t *message, uint32_t message_bytes, hss_reader *read,
                             void *context, uint32_t at) {
    const uint8_t *key = work.key[level], *identifier = key + KEY_IDENTIFIER;
    const uint32_t height = height_of(key);
    uint8_t head[SIGNATURE_OTS + OTS_VALUES], type[TYPE_BYTES], hash[HASH_BYTES];

    read(context, at, head, sizeof head);
    const uint32_t q = load_be32(head), path = at + SIGNATURE_OTS + LMOTS_SIGNATURE_BYTES + TYPE_BYTES;
    if (!height || q >> height || load_be32(head + SIGNATURE_OTS) != LMOTS_SHAKE_N24_W4) return 0;
    read(context, path - TYPE_BYTES, type, sizeof type);
    if (load_be32(type) != load_be32(key + KEY_TYPE)) return 0;
    read(context, at + SIGNATURE_OTS + OTS_VALUES, work.values, sizeof work.values);

    begin(identifier, q, D_MESG);
    hash_update(head + SIGNATURE_OTS + OTS_RANDOMIZER, LMS_HASH_BYTES);
    hash_update(message, message_bytes);
    hash_finish(hash);
    run_chains(identifier, q, hash);
    climb(identifier, q, height, read, context, path, candidate[level]);
    return path - at + height * LMS_HASH_BYTES;
}

/* Adds up `weight` for each of the levels' bytes in which the root is not the key's. key: as given to hss_verify. Not
   inlined, so that its two calls share no address. */
static __attribute__((noinline)) uint32_t differences(const uint8_t *key, uint32_t levels, uint32_t weight) {
    uint32_t sum = 0, compared = 0;
    for (uint32_t level = 0; level < levels; level++) {
        const volatile uint8_t *found = candidate[level];
        const volatile uint8_t *root = KEY_ROOT + (level ? work.key[level] : key + LEVELS_BYTES);
        for (uint32_t index = 0; index < LMS_HASH_BYTES; index++, compared++) {
            sum += found[index] != root[index] ? weight : 0;
        }
    }
    return sum + (compared ^ levels * LMS_HASH_BYTES) * weight;
}

uint32_t hss_verify(const uint8_t *key, const uint8_t *message, uint32_t message_bytes, hss_reader *read, void *context,
                    uint32_t signature_bytes) {
    const uint32_t levels = load_be32(key);
    uint8_t others[LEVELS_BYTES];

    memset(&work, 0, sizeof work);
    memset(candidate, NO_ROOT, sizeof candidate);
    if (!hss_key_is_valid(key) || signature_bytes < LEVELS_BYTES) return 0;
    memcpy(work.key[0], key + LEVELS_BYTES, LMS_KEY_BYTES);
    read(context, 0, others, sizeof others);
    if (load_be32(others) != levels - 1) return 0;

    uint32_t at = LEVELS_BYTES;
    for (uint32_t level = 0; level < levels; level++) {
        const bool is_last = level == levels - 1;
        const uint32_t path_bytes = height_of(work.key[level]) * LMS_HASH_BYTES;
        const uint32_t expected = SIGNATURE_OTS + LMOTS_SIGNATURE_BYTES + TYPE_BYTES + path_bytes;
        if (signature_bytes - at < expected + (is_last ? 0 : LMS_KEY_BYTES)) return 0;
        if (!is_last) read(context, at + expected, work.key[level + 1], LMS_KEY_BYTES);
        const uint8_t *signs = is_last ? message : work.key[level + 1];
        const uint32_t size = lead_to_root(level, signs, is_last ? message_bytes : LMS_KEY_BYTES, read, context, at);
        if (!size) return 0;
        at += size + (is_last ? 0 : LMS_KEY_BYTES);
    }
    if (at != signature_bytes) return 0;

    return HSS_VALID ^ differences(key, levels, FIRST_WEIGHT) ^ differences(key, load_be32(key), SECOND_WEIGHT);
}

void hss_read_memory(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    memcpy(to, (const uint8_t *)context + offset, size);
}
