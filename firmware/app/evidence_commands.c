#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <stddef.h>

#include "commands.h"
#include "configuration.h"
#include "evidence.h"
#include "journal.h"
#include "log.h"

#define PUBLIC_KEY_BYTES 32

static const struct handoff *handoff;

void evidence_commands_initialise(const struct handoff *from_rom) { handoff = from_rom; }

int command_info(const struct request *request, struct cbor_writer *response) {
    (void)request;
    uint8_t ueid[UEID_BYTES], key[PUBLIC_KEY_BYTES];
    identity_ueid(ueid);
    identity_get(IDENTITY_PUBLIC_KEY, PUBLIC_KEY_BYTES / 4, key);
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
    int error = evidence_readiness();
    if (!error && log_is_full()) error = CHIP_ERROR_LOG_FULL;
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
    cbor_put_map(response, 2);
    cbor_put_pair(response, "seq", seq);
    cbor_put_key(response, "data");
    uint8_t *statement = cbor_reserve_bytes(response, STATEMENT_BYTES);
    return statement && log_read(seq, statement) ? CHIP_ERROR_OK : CHIP_ERROR_NOT_FOUND;
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

static uint8_t certificate[CERTIFICATE_BYTES];

_Static_assert(CERTIFICATE_BYTES <= JOURNAL_MAX_BYTES, "the journal takes a certificate");

int command_certificate_read(const struct request *request, struct cbor_writer *response) {
    (void)request;
    const uint32_t size = journal_get(JOURNAL_RECORD_CERTIFICATE, certificate, sizeof certificate);
    if (!size) return CHIP_ERROR_NOT_FOUND;
    cbor_put_map(response, 1);
    cbor_put_key(response, "data");
    cbor_put_bytes(response, certificate, size);
    return CHIP_ERROR_OK;
}

int command_certificate_write(const struct request *request, struct cbor_writer *response) {
    const uint64_t size = request->field[FIELD_DATA].number;
    if (size > CERTIFICATE_BYTES) return CHIP_ERROR_TOO_LARGE;
    if (size == 0) return CHIP_ERROR_MALFORMED;
    if (journal_get(JOURNAL_RECORD_CERTIFICATE, certificate, sizeof certificate)) return CHIP_ERROR_ALREADY_SET;
    const bool is_put = journal_put(JOURNAL_RECORD_CERTIFICATE, request->field[FIELD_DATA].bytes, (uint32_t)size);
    if (!is_put) return CHIP_ERROR_HARDWARE;
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}
