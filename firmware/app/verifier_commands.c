#include <livetrap_csr.h>
#include <livetrap_formats.h>

#include "commands.h"
#include "evidence.h"
#include "receipts.h"
#include "truncation.h"

int command_receipt_read(const struct request *request, struct cbor_writer *response) {
    uint64_t seq;
    (void)request;
    receipts_oldest(&seq);
    cbor_put_map(response, 2);
    cbor_put_pair(response, "seq", seq);
    cbor_put_pair(response, "held", receipts_are_missing() ? 1 : 0);
    return CHIP_ERROR_OK;
}

int command_receipt_write(const struct request *request, struct cbor_writer *response) {
    const int error = receipts_take(request->field[FIELD_DATA].bytes, (uint32_t)request->field[FIELD_DATA].number);
    if (error) return error;
    cbor_put_map(response, 0);
    return CHIP_ERROR_OK;
}

int command_truncate(const struct request *request, struct cbor_writer *response) {
    uint8_t digest[NONCE_BYTES];
    (void)response;
    int error = evidence_readiness();
    if (error && error != CHIP_ERROR_LOG_FULL) return error;
    error = truncation_carry_out(request->field[FIELD_DATA].bytes, (uint32_t)request->field[FIELD_DATA].number, digest);
    if (error) return error;
    evidence_truncate(digest);
    return COMMAND_DEFERRED;
}
