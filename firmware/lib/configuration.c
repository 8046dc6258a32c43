#include "configuration.h"

#include <livetrap_csr.h>

#include "bytes.h"
#include "hash.h"
#include "journal.h"
#include "lms.h"
#include "runtime.h"

#define MAGIC_BYTES (sizeof CONFIGURATION_MAGIC - 1)
#define UEID_TYPE_RANDOM 0x01
#define LAST_WORD (CONFIGURATION_RECORD_BYTES - 4)

_Static_assert(CONFIGURATION_VERIFIER_KEY + HSS_KEY_BYTES == LAST_WORD, "the fields fill the record");
_Static_assert(CONFIGURATION_LOG_MODE == MAGIC_BYTES, "the log mode follows the magic");
_Static_assert(CONFIGURATION_BYTES == HASH_BYTES, "the fuses hold a whole digest");

void identity_get(uint32_t first, uint32_t words, uint8_t *to) {
    for (uint32_t word = 0; word < words; word++) {
        chip_identity_index_write(first + word);
        store_le32(to + 4 * word, chip_identity_data_read());
    }
}

void identity_ueid(uint8_t *ueid) {
    ueid[0] = UEID_TYPE_RANDOM;
    identity_get(IDENTITY_CHIP_ID, CHIP_ID_BYTES / 4, ueid + 1);
}

bool configuration_has_verifier_key(const uint8_t *record) {
    uint8_t any = 0;
    for (uint32_t index = 0; index < HSS_KEY_BYTES; index++) any |= record[CONFIGURATION_VERIFIER_KEY + index];
    return any != 0;
}

bool configuration_is_well_formed(const uint8_t *record) {
    const uint32_t mode = load_le32(record + CONFIGURATION_LOG_MODE);
    if (memcmp(record, CONFIGURATION_MAGIC, MAGIC_BYTES) != 0 || load_le32(record + LAST_WORD)) return false;
    if (!hss_key_is_valid(record + CONFIGURATION_FIRMWARE_KEY)) return false;
    if (!configuration_has_verifier_key(record)) return mode == LOG_MODE_FLASH;
    if (!hss_key_is_valid(record + CONFIGURATION_VERIFIER_KEY)) return false;
    return mode == LOG_MODE_FLASH || mode == LOG_MODE_SERVER;
}

void configuration_digest(const uint8_t *record, uint8_t *digest) {
    hash_begin_turboshake128(DOMAIN_CONFIGURATION);
    hash_update(record, CONFIGURATION_RECORD_BYTES);
    hash_finish(digest);
}

uint32_t configuration_differences(const uint8_t *record) {
    uint8_t digest[HASH_BYTES], fused[CONFIGURATION_BYTES];
    uint32_t count = 0, compared = 0;
    configuration_digest(record, digest);
    identity_get(IDENTITY_CONFIGURATION, CONFIGURATION_BYTES / 4, fused);
    const volatile uint8_t *left = digest, *right = fused;
    for (; compared < CONFIGURATION_BYTES; compared++) count += left[compared] != right[compared];
    return count + (compared ^ CONFIGURATION_BYTES);
}

bool configuration_get(uint8_t *record) {
    memset(record, 0, CONFIGURATION_RECORD_BYTES);
    const uint32_t size = journal_get(JOURNAL_RECORD_CONFIGURATION, record, CONFIGURATION_RECORD_BYTES);
    if (size == CONFIGURATION_RECORD_BYTES && configuration_differences(record) == 0) return true;
    memset(record, 0, CONFIGURATION_RECORD_BYTES);
    return false;
}
