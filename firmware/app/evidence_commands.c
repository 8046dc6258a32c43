#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stddef.h>

#include "bytes.h"
#include "certificate.h"
#include "commands.h"
#include "evidence.h"
#include "log.h"

#define CHIP_ID_WORDS 4
#define PUBLIC_KEY_WORDS 8

/* RFC 9711 4.2.1: the type byte of a random UEID. */
#define UEID_TYPE_RANDOM 0x01

static const struct handoff *handoff;

void evidence_commands_initialise(const struct handoff *from_rom) { handoff = from_rom; }

static void put_identity_words(uint8_t *destination, uint32_t first, uint32_t words) {
    for (uint32_t index = 0; index < words; index++) {
        chip_identity_index_write(first + index);
        store_le32(destination + 4 * index, chip_identity_data_read());
    }
}

int command_info(const struct request *request, struct cbor_writer *response) {
    (void)request;
    if (!evidence_has_identity()) return CHIP_ERROR_NOT_PROVISIONED;
    uint8_t ueid[1 + 4 * CHIP_ID_WORDS] = {UEID_TYPE_RANDOM}, key[4 * PUBLIC_KEY_WORDS];
    put_identity_words(ueid + 1, 0, CHIP_ID_WORDS);
    put_identity_words(key, CHIP_ID_WORDS, PUBLIC_KEY_WORDS);
    cbor_put_map(response, 12);
    cbor_put_key(response, "ueid");
    cbor_put_bytes(response, ueid, sizeof ueid);
    cbor_put_key(response, "key");
    cbor_put_bytes(response, key, sizeof key);
    cbor_put_key(response, "firmware");
    cbor_put_bytes(response, handoff->measurement, MEASUREMENT_BYTES);
    cbor_put_pair(response, "version", handoff->security_version);
    cbor_put_key(response, "config");
    cbor_put_text(response, (const uint8_t *)CONFIG_NAME, sizeof CONFIG_NAME - 1);
    cbor_put_pair(response, "pages", PAGES);
    cbor_put_pair(response, "page_size", PAGE_SIZE);
    cbor_put_pair(response, "map", chip_map_hash_read());
    cbor_put_pair(response, "bootcount", chip_bootcount_read());
    cbor_put_pair(response, "seq", log_next());
    cbor_put_pair(response, "first", log_first());
    cbor_put_pair(response, "capacity", log_capacity());
    return CHIP_ERROR_OK;
}

int command_attest(const struct request *request, struct cbor_writer *response) {
    (void)response;
    const int error = evidence_readiness();
    if (error) return error;
    evidence_attest(request->field[FIELD_NONCE].bytes);
    return COMMAND_DEFERRED;
}

int command_snapshot(const struct request *request, struct cbor_writer *response) {
    (void)response;
    const int error = evidence_readiness();
    if (error) return error;
    evidence_snapshot(request_has(request, FIELD_NONCE) ? request->field[FIELD_NONCE].bytes : NULL);
    return COMMAND_DEFERRED;
}

int command_precommit(const struct request *request, struct cbor_writer *response) {
    (void)response;
    const int error = evidence_readiness();
    if (error) return error;
    evidence_precommit(request->field[FIELD_DIGEST].bytes);
    return COMMAND_DEFERRED;
}

int command_statement(const struct request *request, struct cbor_writer *response) {
    const uint64_t seq = request->field[FIELD_SEQ].number;
    const uint8_t *statement = log_find(seq);
    if (!statement) return CHIP_ERROR_NOT_FOUND;
    cbor_put_map(response, 2);
    cbor_put_pair(response, "seq", seq);
    cbor_put_key(response, "data");
    cbor_put_bytes(response, statement, STATEMENT_BYTES);
    return CHIP_ERROR_OK;
}

int command_counters(const struct request *request, struct cbor_writer *response) {
    (void)request;
    cbor_put_map(response, 9);
    cbor_put_pair(response, "macs", counters_macs_read());
    cbor_put_pair(response, "steps", counters_steps_read());
    cbor_put_pair(response, "descriptors", counters_descriptors_read());
    cbor_put_pair(response, "ticks", chip_ticks_read());
    cbor_put_pair(response, "records", ingest_records_read());
    cbor_put_pair(response, "captures", snapshot_captures_read());
    cbor_put_pair(response, "stalls", snapshot_stall_cycles_read());
    cbor_put_pair(response, "capture_cycles", snapshot_capture_cycles_read());
    cbor_put_pair(response, "sign_cycles", statement_sign_cycles_read());
    return CHIP_ERROR_OK;
}

int command_certificate_read(const struct request *request, struct cbor_writer *response) {
    (void)request;
    uint32_t size;
    const uint8_t *certificate = certificate_get(&size);
    if (!certificate) return CHIP_ERROR_NOT_FOUND;
    cbor_put_map(response, 1);
    cbor_put_key(response, "data");
    cbor_put_bytes(response, certificate, size);
    return CHIP_ERROR_OK;
}

int command_certificate_write(const struct request *request, struct cbor_writer *response) {
    const uint64_t size = request->field[FIELD_DATA].number;
    uint32_t present;
    if (size > CERTIFICATE_BYTES) return CHIP_ERROR_TOO_LARGE;
    if (size == 0) return CHIP_ERROR_MALFORMED;
    if (certificate_get(&present)) return CHIP_ERROR_ALREADY_SET;
    certificate_set(request->field[FIELD_DATA].bytes, (uint32_t)size);
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}
