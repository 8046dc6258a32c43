#include "smp.h"

#include "bytes.h"

struct smp_header smp_header_read(const uint8_t *packet) {
    return (struct smp_header){
        .operation = packet[0] & 7,
        .version = packet[0] >> 3 & 3,
        .length = (uint16_t)load_be16(packet + 2),
        .group = (uint16_t)load_be16(packet + 4),
        .sequence = packet[6],
        .command = packet[7],
    };
}

void smp_response_header_write(uint8_t *packet, const struct smp_header *request, uint32_t length) {
    const uint32_t version = request->version == SMP_VERSION_1 ? SMP_VERSION_1 : SMP_VERSION_2;
    packet[0] = (uint8_t)((request->operation + 1u) & 7) | (uint8_t)(version << 3);
    packet[1] = 0;
    store_be16(packet + 2, length);
    store_be16(packet + 4, request->group);
    packet[6] = request->sequence;
    packet[7] = request->command;
}

void smp_put_protocol_error(struct cbor_writer *writer, uint32_t smp_error) {
    cbor_put_map(writer, 1);
    cbor_put_pair(writer, "rc", smp_error);
}

void smp_put_command_error(struct cbor_writer *writer, const struct smp_header *request, uint32_t group_error,
                           uint32_t smp_error) {
    if (request->version == SMP_VERSION_1) {
        smp_put_protocol_error(writer, smp_error);
        return;
    }
    cbor_put_map(writer, 1);
    cbor_put_key(writer, "err");
    cbor_put_map(writer, 2);
    cbor_put_pair(writer, "group", request->group);
    cbor_put_pair(writer, "rc", group_error);
}
