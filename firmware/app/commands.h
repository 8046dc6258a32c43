/* The commands of formats/link.py. A command takes a request that request_read has accepted and writes the map
   of its response. It returns CHIP_ERROR_OK; or COMMAND_DEFERRED, with the outcome to come from
   evidence_outcome(); or another CHIP_ERROR_*, and then what it wrote is dropped. */
#ifndef LIVETRAP_COMMANDS_H
#define LIVETRAP_COMMANDS_H

#include "cbor_writer.h"
#include "handoff.h"
#include "request.h"

#define COMMAND_DEFERRED (-1)

typedef int command_function(const struct request *request, struct cbor_writer *response);

/* To be called after a reset; `handoff` must stay in place. */
void os_commands_initialise(void);
void evidence_commands_initialise(const struct handoff *handoff);
void boot_commands_initialise(const struct handoff *handoff);

command_function command_echo, command_reset, command_parameters;
command_function command_info, command_attest, command_snapshot, command_statement, command_page;
command_function command_memory_read, command_memory_write, command_trigger_read, command_trigger_write;
command_function command_run, command_accelerator_read, command_accelerator_write, command_precommit;
command_function command_counters, command_certificate_read, command_certificate_write;
command_function command_boot, command_configuration, command_lifecycle, command_event;
command_function command_receipt_read, command_receipt_write, command_truncate;

/* Returns whether command_reset has been carried out. */
bool commands_reset_is_requested(void);

#endif
