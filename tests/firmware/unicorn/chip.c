#include "chip.h"

#include <string.h>

#define ACCESS_CYCLES 8
#define CLOCK_CYCLES 4096

/* flash_absent: what the line from the flash reads then; 0 for none of it. */
enum { STUCK_AT_0 = 1, STUCK_AT_1 };

static uint32_t lifecycle(const struct chip *chip) {
    switch (chip->fuses[LIFECYCLE_OFFSET]) {
    case 0:
        return LIFECYCLE_RAW;
    case 1:
        return LIFECYCLE_DEVELOPMENT;
    case 3:
        return LIFECYCLE_PRODUCTION;
    default:
        return LIFECYCLE_RETIRED;
    }
}

static uint32_t floor_of(const struct chip *chip) {
    uint32_t floor = 8 * FLOOR_BYTES;
    while (floor && !(chip->fuses[FLOOR_OFFSET + (floor - 1) / 8] >> (floor - 1) % 8 & 1)) floor--;
    return floor;
}

static bool is_raw(const struct chip *chip) { return lifecycle(chip) == LIFECYCLE_RAW; }

void chip_warm_reset(struct machine *machine) {
    struct chip *chip = &machine->chip;
    chip->locked = chip->reset_requested = 0;
    chip->error = chip->slot_a = chip->slot_b = chip->hold_mode = 0;
    chip->hash_active = chip->hash_done = chip->booted = 0;
    chip->security_version = 0;
    memset(chip->measurement, 0, sizeof chip->measurement);
    chip->bootcount++;
    chip->to_read = chip->selected = 0;
    machine->fault = 0;
    machine->tx_end = machine->rx_next = machine->rx_end = 0;
}

static void otp_burn(struct chip *chip, uint32_t address, uint32_t bits) {
    const bool in_id = address >= CHIP_ID_OFFSET && address < CHIP_ID_OFFSET + CHIP_ID_BYTES;
    const bool in_digest = address >= CONFIGURATION_OFFSET && address < CONFIGURATION_OFFSET + CONFIGURATION_BYTES;
    const bool is_life = address == LIFECYCLE_OFFSET && (!is_raw(chip) || chip->keyed);
    const bool in_floor = address >= FLOOR_OFFSET && address < FLOOR_OFFSET + FLOOR_BYTES;
    chip->otp_refused = !(is_life || in_floor || ((in_id || in_digest) && is_raw(chip)));
    if (chip->otp_refused) return;
    chip->fuses[address] |= (uint8_t)bits;
    chip->burns++;
}

static void otp_generate_key(struct chip *chip) {
    chip->otp_refused = !is_raw(chip) || chip->keyed || chip->entropy_failed;
    if (chip->otp_refused) return;
    for (uint32_t at = 0; at < SEED_BYTES; at++) chip->fuses[SEED_OFFSET + at] = (uint8_t)(0xA5 + 7 * at);
    chip->keyed = 1;
}

static uint32_t identity_word(const struct chip *chip) {
    const uint32_t index = chip->identity_index;
    uint32_t word = 0x01010101u * index;
    if (index < 4) memcpy(&word, chip->fuses + CHIP_ID_OFFSET + 4 * index, 4);
    if (index >= 12) memcpy(&word, chip->fuses + CONFIGURATION_OFFSET + 4 * (index - 12), 4);
    return word;
}

static uint32_t chip_status(const struct chip *chip) {
    const bool has_identity = !is_raw(chip) && !chip->fuses_absent;
    return (has_identity ? CHIP_STATUS_PROVISIONED_MASK | CHIP_STATUS_DERIVED_MASK : 0) | CHIP_STATUS_CLEARED_MASK |
           (chip->locked ? CHIP_STATUS_MEASURED_MASK : 0) | (chip->entropy_failed ? CHIP_STATUS_ENTROPY_FAILED_MASK : 0) |
           (chip->booted ? CHIP_STATUS_BOOTED_MASK : 0);
}

static void take_measurement(struct chip *chip, uint32_t word) {
    if (chip->locked) return;
    memmove(chip->measurement, chip->measurement + 4, sizeof chip->measurement - 4);
    memcpy(chip->measurement + sizeof chip->measurement - 4, &word, 4);
}

static uint64_t next_seq(const struct chip *chip) {
    return (chip->restore[0] | (uint64_t)chip->restore[1] << 32) + chip->statements;
}

static void put_claim(struct machine *machine, uint32_t offset, uint64_t value, uint32_t size) {
    for (uint32_t at = offset + size; at > offset; at--, value >>= 8) machine->statement[at - 1] = (uint8_t)value;
}

uint32_t chip_read_statement(const struct machine *machine, uint32_t offset) {
    uint32_t word = 0;
    if (offset + 4 <= STATEMENT_BYTES) memcpy(&word, machine->statement + offset, 4);
    return word;
}

static void make_statement(struct machine *machine, uint32_t kind) {
    struct chip *chip = &machine->chip;
    const bool is_due = (kind == KIND_BOOT) != (chip->booted != 0);
    chip->statement_is_refused =
        chip->statement_refused || chip->entropy_failed || !is_due || !chip->locked || is_raw(chip) || !kind;
    if (chip->statement_is_refused) return;
    chip->statement_kind = kind;
    put_claim(machine, CLAIM_SEQ_OFFSET, next_seq(chip), CLAIM_SEQ_BYTES);
    put_claim(machine, CLAIM_BOOTCOUNT_OFFSET, chip->bootcount, CLAIM_BOOTCOUNT_BYTES);
    machine->statement[CLAIM_KIND_OFFSET] = (uint8_t)kind;
    chip->statement_valid = chip->booted = 1;
    chip->statements++;
}

static void restore(struct chip *chip) {
    if (chip->restored || chip->statements) return;
    chip->restored = 1;
    chip->restores++;
    chip->bootcount = chip->restore[2];
}

void chip_write_hash(struct machine *machine, uint32_t value) {
    struct chip *chip = &machine->chip;
    chip->cycles += ACCESS_CYCLES;
    if (!chip->hash_active) {
        machine->fault = 1;
        return;
    }
    if (!chip->has_low) {
        chip->low = value;
        chip->has_low = 1;
        return;
    }
    const uint64_t word = chip->low | (uint64_t)value << 32;
    chip->has_low = 0;
    if (chip->next_last && chip->next_padded) {
        sponge_finish_padded(&chip->sponge, word);
    } else {
        sponge_absorb(&chip->sponge, word);
        if (chip->next_last) sponge_finish(&chip->sponge);
    }
    if (!chip->next_last) return;
    memcpy(chip->digest, chip->sponge.lanes, sizeof chip->digest);
    chip->hash_active = chip->next_last = 0;
    chip->hash_done = 1;
}

static void begin_hash(struct chip *chip, uint32_t control) {
    if (!(control & HASH_CONTROL_BEGIN_MASK)) return;
    sponge_begin(&chip->sponge, control & HASH_CONTROL_SHAKE256_MASK, (uint8_t)(control >> HASH_CONTROL_DOMAIN_SHIFT));
    chip->hash_active = 1;
    chip->has_low = chip->hash_done = chip->next_last = 0;
}

/* RFC 8554 4.3: 24 bytes of SHAKE256 for each step. operands: as lmots.data takes them. */
static void chain(uint32_t *operands) {
    const uint32_t last = operands[5] >> 24;
    uint8_t message[48];
    memcpy(message, operands, 16);
    for (int byte = 0; byte < 4; byte++) message[16 + byte] = (uint8_t)(operands[4] >> (24 - 8 * byte));
    message[20] = (uint8_t)(operands[5] >> 8);
    message[21] = (uint8_t)operands[5];
    message[47] = 0x1F;
    for (uint32_t step = operands[5] >> 16 & 0xFF; step < last; step++) {
        struct sponge sponge;
        uint64_t words[6];
        message[22] = (uint8_t)step;
        memcpy(message + 23, operands + 6, 24);
        memcpy(words, message, sizeof words);
        sponge_begin(&sponge, true, 0);
        for (int word = 0; word < 5; word++) sponge_absorb(&sponge, words[word]);
        sponge_finish_padded(&sponge, words[5]);
        memcpy(operands + 6, sponge.lanes, 24);
    }
}

/* A campaign runs the same chains many thousand times: the last ones are remembered. */
#define REMEMBERED 4096

static void run_chain(struct machine *machine) {
    static struct {
        uint32_t operands[12], results[12];
    } remembered[REMEMBERED];
    struct chip *chip = &machine->chip;
    uint32_t place = 0;
    /* A message under way in the hash engine keeps the sponge from the chain. */
    machine->fault |= chip->hash_active && chip->sponge.words;
    for (int word = 0; word < 12; word++) place = (place ^ chip->lmots[word]) * 0x01000193u;
    place = (place ^ place >> 16) % REMEMBERED;
    if (memcmp(remembered[place].operands, chip->lmots, sizeof chip->lmots) != 0) {
        memcpy(remembered[place].operands, chip->lmots, sizeof chip->lmots);
        chain(chip->lmots);
        memcpy(remembered[place].results, chip->lmots, sizeof chip->lmots);
    } else {
        memcpy(chip->lmots, remembered[place].results, sizeof chip->lmots);
    }
}

static void touch(struct flash *flash, uint32_t from, uint32_t to) {
    if (from < flash->changed_from) flash->changed_from = from;
    if (to > flash->changed_to) flash->changed_to = to;
}

static void flash_byte(struct machine *machine, uint32_t byte, bool last) {
    struct chip *chip = &machine->chip;
    struct flash *flash = &machine->flash;
    if (!chip->selected) {
        chip->selected = 1;
        chip->command = byte;
        chip->command_bytes = chip->flash_address = 0;
    } else if (chip->command_bytes++ < 3) {
        chip->flash_address = (chip->flash_address << 8 | byte) & (FLASH_BYTES - 1);
    } else if (chip->command == 0x02 && chip->write_enabled) {
        flash->bytes[chip->flash_address] &= (uint8_t)byte;
        touch(flash, chip->flash_address, chip->flash_address + 1);
        const uint32_t page = chip->flash_address & ~(PROGRAM_BYTES - 1u);
        chip->flash_address = page | ((chip->flash_address + 1) & (PROGRAM_BYTES - 1u));
    }
    if (!last) return;
    chip->selected = 0;
    if (chip->command == 0x06) chip->write_enabled = 1;
    if (chip->command == 0x20 && chip->write_enabled && chip->command_bytes == 3) {
        const uint32_t sector = chip->flash_address & ~(SECTOR_BYTES - 1u);
        memset(flash->bytes + sector, 0xFF, SECTOR_BYTES);
        touch(flash, sector, sector + SECTOR_BYTES);
    }
    if (chip->command == 0x20 || chip->command == 0x02) {
        chip->write_enabled = 0;
        chip->programs++;
    }
}

static uint32_t flash_word(struct machine *machine) {
    struct chip *chip = &machine->chip;
    uint32_t word = 0;
    for (uint32_t byte = 0; byte < 4 && chip->to_read; byte++, chip->to_read--) {
        uint32_t value = 0xFF;
        if (chip->flash_absent) value = chip->flash_absent == STUCK_AT_1 ? 0xFF : 0;
        else if (chip->command == 0x03) value = machine->flash.bytes[chip->flash_address++ & (FLASH_BYTES - 1)];
        else if (chip->command == 0x05) value = chip->write_enabled ? 2 : 0;
        else if (chip->command == 0x9F) value = JEDEC_ID >> (16 - 8 * byte) & 0xFF;
        word |= value << 8 * byte;
    }
    if (!chip->to_read) chip->selected = 0;
    return word;
}

uint32_t chip_read(struct machine *machine, uint32_t address) {
    struct chip *chip = &machine->chip;
    chip->cycles += ACCESS_CYCLES;
    if (address >= HASH_DIGEST_ADDRESS && address < HASH_DIGEST_ADDRESS + 32) {
        uint32_t word;
        memcpy(&word, chip->digest + (address - HASH_DIGEST_ADDRESS), 4);
        return word;
    }
    if (address >= LMOTS_VALUE_ADDRESS && address < LMOTS_VALUE_ADDRESS + 24) {
        return chip->lmots[6 + (address - LMOTS_VALUE_ADDRESS) / 4];
    }
    switch (address) {
    case LINK_RX_ADDRESS:
        return machine->rx_next < machine->rx_end ? LINK_RX_VALID_MASK | machine->rx[machine->rx_next++] : 0;
    case LINK_STATUS_ADDRESS:
        return LINK_STATUS_TX_READY_MASK | (machine->rx_next < machine->rx_end ? LINK_STATUS_RX_VALID_MASK : 0);
    case LINK_TX_ROOM_ADDRESS:
        return 512;
    case CHIP_MAP_HASH_ADDRESS:
        return chip->map_hash;
    case CHIP_STATUS_ADDRESS:
        return chip_status(chip);
    case CHIP_TICKS_ADDRESS:
        chip->cycles += CLOCK_CYCLES;
        return (uint32_t)(chip->cycles >> TICK_CYCLES_LOG2);
    case CHIP_TICKS_ADDRESS + 4:
        return (uint32_t)(chip->cycles >> TICK_CYCLES_LOG2 >> 32);
    case CHIP_SEQ_ADDRESS:
        return (uint32_t)next_seq(chip);
    case CHIP_SEQ_ADDRESS + 4:
        return (uint32_t)(next_seq(chip) >> 32);
    case CHIP_BOOTCOUNT_ADDRESS:
        return chip->bootcount;
    case CHIP_IDENTITY_DATA_ADDRESS:
        return chip->fuses_absent ? 0 : identity_word(chip);
    case OTP_STATUS_ADDRESS:
        return (chip->fuses_absent ? 0 : OTP_STATUS_LOADED_MASK) | (chip->otp_refused ? OTP_STATUS_REFUSED_MASK : 0) |
               (chip->keyed ? OTP_STATUS_KEYED_MASK : 0);
    case OTP_LIFECYCLE_ADDRESS:
        return lifecycle(chip);
    case OTP_SECURITY_FLOOR_ADDRESS:
        return floor_of(chip);
    case BOOT_STATUS_ADDRESS:
        return chip->restored ? BOOT_STATUS_RESTORED_MASK : 0;
    case BOOT_ERROR_ADDRESS:
        return chip->error;
    case BOOT_SLOT_A_ADDRESS:
        return chip->slot_a;
    case BOOT_SLOT_B_ADDRESS:
        return chip->slot_b;
    case BOOT_HOLD_MODE_ADDRESS:
        return chip->hold_mode;
    case STATEMENT_STATUS_ADDRESS:
        return (chip->statement_valid ? STATEMENT_STATUS_VALID_MASK : 0) |
               (chip->statement_is_refused ? STATEMENT_STATUS_REFUSED_MASK : 0);
    case HASH_STATUS_ADDRESS:
        return chip->hash_done ? HASH_STATUS_DONE_MASK : 0;
    case FLASH_STATUS_ADDRESS:
        return (chip->to_read ? 0 : FLASH_STATUS_READY_MASK) | (chip->to_read ? FLASH_STATUS_WORD_VALID_MASK : 0);
    case FLASH_WORD_ADDRESS:
        return flash_word(machine);
    default:
        return 0;
    }
}

static void write_locked(const struct chip *chip, uint32_t *held, uint32_t value) {
    if (!chip->locked) *held = value;
}

void chip_write(struct machine *machine, uint32_t address, uint32_t value) {
    struct chip *chip = &machine->chip;
    chip->cycles += ACCESS_CYCLES;
    switch (address) {
    case LINK_TX_ADDRESS:
        if (machine->tx_end < LINK_BYTES) machine->tx[machine->tx_end++] = (uint8_t)value;
        break;
    case CHIP_IDENTITY_INDEX_ADDRESS:
        chip->identity_index = value & 31;
        break;
    case CHIP_MEASUREMENT_ADDRESS:
        take_measurement(chip, value);
        break;
    case CHIP_SECURITY_VERSION_ADDRESS:
        write_locked(chip, &chip->security_version, value);
        break;
    case CHIP_LOCK_ADDRESS:
        chip->locked |= value & 1;
        break;
    case CHIP_RESET_ADDRESS:
        chip->reset_requested |= value & 1;
        break;
    case OTP_BURN_ADDRESS:
        otp_burn(chip, value & OTP_BURN_ADDRESS_MASK, (value & OTP_BURN_DATA_MASK) >> OTP_BURN_DATA_SHIFT);
        break;
    case OTP_GENERATE_KEY_ADDRESS:
        otp_generate_key(chip);
        break;
    case BOOT_RESTORE_INDEX_ADDRESS:
        chip->restore_index = value & 15;
        break;
    case BOOT_RESTORE_DATA_ADDRESS:
        if (chip->restore_index < 13) chip->restore[chip->restore_index] = value;
        chip->restore_index = (chip->restore_index + 1) & 15;
        break;
    case BOOT_RESTORE_ADDRESS:
        restore(chip);
        break;
    case BOOT_ERROR_ADDRESS:
        write_locked(chip, &chip->error, value);
        break;
    case BOOT_SLOT_A_ADDRESS:
        write_locked(chip, &chip->slot_a, value);
        break;
    case BOOT_SLOT_B_ADDRESS:
        write_locked(chip, &chip->slot_b, value);
        break;
    case BOOT_HOLD_MODE_ADDRESS:
        write_locked(chip, &chip->hold_mode, value);
        break;
    case STATEMENT_REQUEST_ADDRESS:
        make_statement(machine, value);
        break;
    case HASH_CONTROL_ADDRESS:
        begin_hash(chip, value);
        break;
    case HASH_LAST_ADDRESS:
        chip->next_last = value & HASH_LAST_LAST_MASK;
        chip->next_padded = value & HASH_LAST_PADDED_MASK;
        break;
    case LMOTS_INDEX_ADDRESS:
        chip->lmots_index = value & 15;
        break;
    case LMOTS_DATA_ADDRESS:
        if (chip->lmots_index < 12) chip->lmots[chip->lmots_index] = value;
        chip->lmots_index = (chip->lmots_index + 1) & 15;
        break;
    case LMOTS_START_ADDRESS:
        run_chain(machine);
        break;
    case FLASH_WRITE_ADDRESS:
        if (!chip->to_read) flash_byte(machine, value & 0xFF, value & FLASH_WRITE_LAST_MASK);
        break;
    case FLASH_READ_COUNT_ADDRESS:
        if (!chip->to_read) chip->to_read = value & 0xFFFF;
        break;
    default:
        break;
    }
}
