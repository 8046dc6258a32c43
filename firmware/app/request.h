/* The CBOR map that a request carries. */
#ifndef LIVETRAP_REQUEST_H
#define LIVETRAP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

/* Keys that a command can take. */
enum request_field {
    FIELD_ID,
    FIELD_NONCE,
    FIELD_SEQ,
    FIELD_OFF,
    FIELD_LEN,
    FIELD_ADDR,
    FIELD_DATA,
    FIELD_RATE,
    FIELD_TEXT,
    FIELD_COUNT,
    FIELD_ITERATIONS,
    FIELD_OPEN,
    FIELD_END,
    FIELD_DIGEST,
    FIELD_STATE,
    FIELD_INDEX,
    FIELD_KINDS,
};

#define FIELD_BIT(field) (1u << (field))

/* Of a nonce, and of a digest. */
#define NONCE_BYTES 32

/* More pairs than any command needs, known and unknown keys together. */
#define REQUEST_MAX_PAIRS 32

/* present: FIELD_BITs. number: of integer fields, else the size of a string. bytes: of a string, in the packet. */
struct request {
    uint32_t present;
    struct {
        uint64_t number;
        const uint8_t *bytes;
    } field[FIELD_KINDS];
};

static inline bool request_has(const struct request *request, enum request_field field) {
    return request->present >> field & 1;
}

/* Reads a whole packet body. required, optional: FIELD_BITs of the keys that the command takes; any others are
   passed over. Returns false when the body is not one map of definite length with text keys that are all
   different and at most REQUEST_MAX_PAIRS, when a required key is missing, or when a key that the command takes
   has a value of another type, a `nonce` or `digest` of another length than NONCE_BYTES or of zeros, or an `id`
   above 32 bits. */
bool request_read(struct request *request, const uint8_t *body, uint32_t size, uint32_t required, uint32_t optional);

#endif
