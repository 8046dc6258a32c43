#include "countersignature.h"

#include "bytes.h"
#include "configuration.h"
#include "lms.h"
#include "runtime.h"

static const uint8_t sign1_prefix[] = COUNTERSIGNATURE_SIGN1_PREFIX;
static const uint8_t sig_structure_prefix[] = COUNTERSIGNATURE_SIG_STRUCTURE_PREFIX;

/* Who keeps the log: the configuration's verifier. */
static struct {
    bool has_key;
    uint32_t log_mode;
    uint8_t key[HSS_KEY_BYTES];
} keeper;

void countersignature_initialise(void) {
    uint8_t record[CONFIGURATION_RECORD_BYTES];
    memset(&keeper, 0, sizeof keeper);
    if (!configuration_get(record)) return;
    keeper.has_key = configuration_has_verifier_key(record);
    keeper.log_mode = load_le32(record + CONFIGURATION_LOG_MODE);
    memcpy(keeper.key, record + CONFIGURATION_VERIFIER_KEY, HSS_KEY_BYTES);
}

uint32_t countersignature_log_mode(void) { return keeper.log_mode; }

struct parts {
    const uint8_t *payload, *signature;
    uint32_t payload_bytes, signature_bytes;
};

/* A payload has 24 to 255 bytes, a signature 256 to 65535: their heads have one shortest form each (RFC 8949 4.2.1). */
static bool read_sign1(const uint8_t *data, uint32_t size, struct parts *parts) {
    uint32_t at = sizeof sign1_prefix;
    if (size < at + 2 || memcmp(data, sign1_prefix, at) != 0 || data[at] != 0x58) return false;
    parts->payload_bytes = data[at + 1];
    parts->payload = data + at + 2;
    if (parts->payload_bytes < 24 || size - at - 2 < parts->payload_bytes + 3) return false;
    at += 2 + parts->payload_bytes;
    if (data[at] != 0x59 || load_be16(data + at + 1) != size - at - 3 || size - at - 3 < 256) return false;
    parts->signature = data + at + 3;
    parts->signature_bytes = size - at - 3;
    return true;
}

const uint8_t *countersignature_payload(const uint8_t *data, uint32_t size, uint32_t payload_bytes) {
    struct parts parts;
    return read_sign1(data, size, &parts) && parts.payload_bytes == payload_bytes ? parts.payload : NULL;
}

bool countersignature_holds(const uint8_t *data, uint32_t size, const uint8_t *payload, uint32_t payload_bytes) {
    static uint8_t message[sizeof sig_structure_prefix + 2 + COUNTERSIGNED_MAX_BYTES];
    struct parts parts;
    if (!read_sign1(data, size, &parts)) return false;
    if (parts.payload_bytes != payload_bytes || memcmp(parts.payload, payload, payload_bytes) != 0) return false;
    if (!keeper.has_key) return false;

    uint32_t length = sizeof sig_structure_prefix;
    memcpy(message, sig_structure_prefix, length);
    message[length++] = 0x58;
    message[length++] = (uint8_t)payload_bytes;
    memcpy(message + length, payload, payload_bytes);
    length += payload_bytes;
    return hss_verify(keeper.key, message, length, hss_read_memory, (void *)(uintptr_t)parts.signature,
                      parts.signature_bytes) == HSS_VALID;
}
