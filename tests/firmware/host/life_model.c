#include "life_model.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <string.h>

#include "chip_model.h"
#include "nor_model.h"

#define LIFE_WORDS 13

/* A burn of more cycles never ends. */
#define LONGEST_BURN (1ull << 32)

static uint8_t fuses[OTP_BYTES];

static struct {
    bool burning, refused, restored, locked;
    uint32_t burn_address, burn_data, entropy_failed;
    uint64_t burn_cycles_left, macs, burns, refused_burns;
    uint32_t index, words[16], error, slot_a, slot_b, hold_mode;
} life;

uint8_t *life_fuses(void) { return fuses; }

void life_new_fuses(void) {
    memset(fuses, 0, sizeof fuses);
    fuses[LIFECYCLE_OFFSET] = (1u << LIFECYCLE_DEVELOPMENT) - 1;
    for (uint32_t index = 0; index < CHIP_ID_BYTES; index++) fuses[CHIP_ID_OFFSET + index] = (uint8_t)(0xA0 + index);
}

void life_power_on(void) { memset(&life, 0, sizeof life); }

void life_warm_reset(void) {
    life.locked = false;
    life.error = life.slot_a = life.slot_b = life.hold_mode = 0;
}

void life_advance(uint64_t cycles) {
    if (!life.burning) return;
    life.burn_cycles_left -= life.burn_cycles_left < cycles ? life.burn_cycles_left : cycles;
    if (life.burn_cycles_left) return;
    fuses[life.burn_address] |= (uint8_t)life.burn_data;
    life.burning = false;
    life.burns++;
}

bool life_is_burning(void) { return life.burning && life.burn_cycles_left <= LONGEST_BURN; }

void life_lock(void) { life.locked = true; }
bool life_is_locked(void) { return life.locked; }
bool life_holds(void) { return life.hold_mode; }
uint32_t life_entropy_failed(void) { return life.entropy_failed; }
void life_fail_entropy(uint32_t tests) { life.entropy_failed |= tests; }
uint64_t life_macs(void) { return life.macs; }
void life_set_macs(uint64_t macs) { life.macs = macs; }
uint64_t life_burns(void) { return life.burns; }
uint64_t life_refused_burns(void) { return life.refused_burns; }

static uint64_t floor_fuses(void) {
    uint64_t bits;
    memcpy(&bits, fuses + FLOOR_OFFSET, sizeof bits);
    return bits;
}

uint32_t otp_status_read(void) {
    chip_advance(ACCESS_CYCLES);
    return OTP_STATUS_LOADED_MASK | OTP_STATUS_KEYED_MASK | (life.burning ? OTP_STATUS_BUSY_MASK : 0) |
           (life.refused ? OTP_STATUS_REFUSED_MASK : 0);
}

uint32_t otp_lifecycle_read(void) {
    for (uint32_t state = 0; state < LIFECYCLE_RETIRED; state++) {
        if (fuses[LIFECYCLE_OFFSET] == (1u << state) - 1) return state;
    }
    return LIFECYCLE_RETIRED;
}

uint32_t otp_security_floor_read(void) {
    uint32_t floor = 0;
    for (uint64_t bits = floor_fuses(); bits; bits >>= 1) floor++;
    return floor;
}

static bool is_legal(uint32_t address, uint32_t data) {
    const bool is_raw = fuses[LIFECYCLE_OFFSET] == 0;
    if (address == LIFECYCLE_OFFSET) {
        const uint32_t stages = fuses[LIFECYCLE_OFFSET] | data;
        return stages == 1 || stages == 3 || stages == 7;
    }
    if (address - FLOOR_OFFSET < FLOOR_BYTES) {
        const uint64_t raised = floor_fuses() | (uint64_t)data << 8 * (address - FLOOR_OFFSET);
        return (raised & (raised + 1)) == 0;
    }
    const bool is_identity = address - CHIP_ID_OFFSET < CHIP_ID_BYTES || address - CONFIGURATION_OFFSET < CONFIGURATION_BYTES;
    return is_identity && is_raw;
}

void otp_burn_write(uint32_t value) {
    chip_advance(ACCESS_CYCLES);
    const uint32_t address = (value & OTP_BURN_ADDRESS_MASK) >> OTP_BURN_ADDRESS_SHIFT;
    const uint32_t data = (value & OTP_BURN_DATA_MASK) >> OTP_BURN_DATA_SHIFT;
    life.refused = life.burning || !is_legal(address, data);
    if (life.refused) {
        life.refused_burns++;
        return;
    }
    life.burning = true;
    life.burn_address = address;
    life.burn_data = data;
    life.burn_cycles_left = knobs[KNOB_BURN_CYCLES];
}

void boot_restore_index_write(uint32_t value) { life.index = value & 15; }

void boot_restore_data_write(uint32_t value) {
    life.words[life.index] = value;
    life.index = (life.index + 1) & 15;
}

void boot_restore_write(uint32_t value) {
    if (!(value & BOOT_RESTORE_COMMIT_MASK) || life.restored) return;
    const uint32_t *words = life.words;
    uint8_t chain[32];
    memcpy(chain, words + LIFE_WORDS - 8, sizeof chain);
    if (!chip_restore(words[0] | (uint64_t)words[1] << 32, words[2], chain)) return;
    life.macs = words[3] | (uint64_t)words[4] << 32;
    life.restored = true;
}

uint32_t boot_status_read(void) { return life.restored ? BOOT_STATUS_RESTORED_MASK : 0; }

static void set(uint32_t *field, uint32_t value) {
    if (!life.locked) *field = value;
}

uint32_t boot_error_read(void) { return life.error; }
void boot_error_write(uint32_t value) { set(&life.error, value); }
uint32_t boot_slot_a_read(void) { return life.slot_a; }
void boot_slot_a_write(uint32_t value) { set(&life.slot_a, value); }
uint32_t boot_slot_b_read(void) { return life.slot_b; }
void boot_slot_b_write(uint32_t value) { set(&life.slot_b, value); }
void boot_hold_mode_write(uint32_t value) { set(&life.hold_mode, value); }

uint32_t trng_status_read(void) {
    chip_advance(ACCESS_CYCLES);
    return (life.entropy_failed & 1 ? TRNG_STATUS_REPETITION_MASK : 0) |
           (life.entropy_failed & 2 ? TRNG_STATUS_PROPORTION_MASK : 0);
}
