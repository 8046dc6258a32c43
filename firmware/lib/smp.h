/* SMP packets (MCUmgr): the header, and the bodies of error responses in both versions of the protocol. */
#ifndef LIVETRAP_SMP_H
#define LIVETRAP_SMP_H

#include <stdint.h>

#include "cbor_writer.h"

#define SMP_HEADER_BYTES 8

enum smp_operation { SMP_READ = 0, SMP_READ_RESPONSE = 1, SMP_WRITE = 2, SMP_WRITE_RESPONSE = 3 };

enum smp_version { SMP_VERSION_1 = 0, SMP_VERSION_2 = 1 };

/* operation: 0 to 7. version: 0 to 3. length: bytes that follow the header. */
struct smp_header {
    uint8_t operation, version, sequence, command;
    uint16_t length, group;
};

/* Reads the header from the first SMP_HEADER_BYTES of a packet. */
struct smp_header smp_header_read(const uint8_t *packet);

/* Writes the header of the response to a request: its operation plus 1, `length` bytes to follow. */
void smp_response_header_write(uint8_t *packet, const struct smp_header *request, uint32_t length);

/* Writes the body {"rc": SMP_ERROR_*}, which reports what concerns SMP itself. */
void smp_put_protocol_error(struct cbor_writer *writer, uint32_t smp_error);

/* Writes the body of a command's error: {"err": {"group": group, "rc": group_error}} in version 2,
   {"rc": smp_error} in version 1. */
void smp_put_command_error(struct cbor_writer *writer, const struct smp_header *request, uint32_t group_error,
                           uint32_t smp_error);

#endif
