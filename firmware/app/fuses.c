#include "fuses.h"

#include <livetrap_csr.h>

#include "timeout.h"

/* Bound on the burning of a byte. */
#define BURN_TICKS (1u << 14)

bool fuses_await(void) {
    const uint64_t start = chip_ticks_read();
    for (;;) {
        const bool is_late = ticks_have_passed(start, BURN_TICKS);
        if (!(otp_status_read() & OTP_STATUS_BUSY_MASK)) return true;
        if (is_late) return false;
    }
}

bool fuses_burn(uint32_t address, uint32_t bits) {
    otp_burn_write(address << OTP_BURN_ADDRESS_SHIFT | bits << OTP_BURN_DATA_SHIFT);
    return fuses_await();
}
