#include <livetrap_csr.h>
#include <measurement.h>

#include "bytes.h"
#include "handoff.h"
#include "report.h"

static const struct handoff handoff = {
    .measurement = APPLICATION_MEASUREMENT,
    .security_version = SECURITY_VERSION,
};

const struct handoff *rom_boot(void);

/* Locks the application's measurement into every statement to come. Returns what the application is told. */
const struct handoff *rom_boot(void) {
    if (chip_map_hash_read() != MAP_HASH) rom_report_refusal("firmware and chip have different register maps");
    for (uint32_t at = 0; at < MEASUREMENT_BYTES; at += 4) chip_measurement_write(load_le32(handoff.measurement + at));
    chip_security_version_write(handoff.security_version);
    chip_lock_write(CHIP_LOCK_MEASUREMENT_MASK);
    if (!(chip_status_read() & CHIP_STATUS_MEASURED_MASK)) rom_report_refusal("the measurement cannot be locked");
    return &handoff;
}
