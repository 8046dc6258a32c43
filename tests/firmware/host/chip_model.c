#include "chip_model.h"

#include <livetrap_csr.h>
#include <livetrap_formats.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "hash_model.h"
#include "life_model.h"
#include "nor_model.h"

uint64_t knobs[KNOBS];

static jmp_buf *powered_off;

static struct {
    uint8_t received[LINK_BYTES], sent[LINK_BYTES];
    uint32_t received_size, received_at, sent_size;
    uint8_t weights[MODEL_MEMORY_BYTES], image[MODEL_MEMORY_BYTES], statement[STATEMENT_BYTES];
    uint8_t slots[64], key[32], chain[32];
    uint32_t slot_index, identity_index;
    uint64_t cycles, boot_cycles, seq, bootcount, statements, resets;
    bool reset_requested;
    uint32_t ingest_kind, ingest_address, ingest_length, ingest_half_words;
    bool ingest_active, ingest_rejected;
    uint64_t ingest_end, records, rate;
    uint32_t run[4], run_address, error, error_address;
    uint64_t runs, run_end;
    bool running, held;
    bool random_latched, request_latched, capturing, done;
    uint32_t request_cause, cause;
    uint64_t capture_end, captures;
    bool statement_busy, statement_valid, statement_refused, statement_begun, booted;
    uint64_t statement_end;
} chip;

void chip_misused(const char *what) {
    fprintf(stderr, "firmware misuses the chip: %s\n", what);
    abort();
}

void chip_until_power_cut(jmp_buf *where) { powered_off = where; }

void chip_power_cut(void) {
    if (!powered_off) chip_misused("no test awaits that power is cut");
    longjmp(*powered_off, 1);
}

static void start_capture(void) {
    if (chip.capturing || chip.done || (!chip.random_latched && !chip.request_latched)) return;
    chip.cause = chip.random_latched ? CAUSE_RANDOM : chip.request_cause;
    if (chip.random_latched) {
        chip.random_latched = false;
    } else {
        chip.request_latched = false;
    }
    memcpy(chip.image, chip.weights, WEIGHTS_SIZE);
    chip.capturing = true;
    chip.held = chip.held || life_holds();
    chip.capture_end = chip.cycles + knobs[KNOB_CAPTURE_CYCLES];
}

static void put_big_endian(uint32_t offset, uint32_t size, uint64_t value) {
    for (; size; size--, value >>= 8) chip.statement[offset + size - 1] = (uint8_t)value;
}

/* The running digest over all statements. */
static void follow_chain(void) {
    uint8_t message[sizeof chip.chain + STATEMENT_BYTES];
    memcpy(message, chip.chain, sizeof chip.chain);
    memcpy(message + sizeof chip.chain, chip.statement, STATEMENT_BYTES);
    model_turboshake128(DOMAIN_CHAIN, message, sizeof message, chip.chain);
}

static void advance_run(uint64_t cycles) {
    if (!chip.running) return;
    if (chip.held) {
        chip.run_end += cycles;
        return;
    }
    const uint64_t left = chip.run_end > chip.cycles ? chip.run_end - chip.cycles : 0;
    life_set_macs(life_macs() + knobs[KNOB_RUN_MACS] * (left < cycles ? left : cycles));
}

static void advance(uint64_t cycles) {
    advance_run(cycles);
    chip.cycles += cycles;
    life_advance(cycles);
    if (chip.capturing && chip.cycles >= chip.capture_end) {
        chip.capturing = false;
        chip.done = true;
        chip.captures++;
    }
    if (chip.statement_busy && chip.cycles >= chip.statement_end) {
        chip.statement_busy = false;
        chip.statement_valid = true;
        chip.booted = true;
        follow_chain();
        chip.seq++;
        chip.statements++;
    }
    if (chip.ingest_active && chip.ingest_half_words * 4 == chip.ingest_length && chip.cycles >= chip.ingest_end) {
        chip.ingest_active = false;
        chip.records++;
        if (chip.ingest_kind == RECORD_RUN) {
            chip.running = true;
            chip.runs++;
            chip.run_end = chip.cycles + knobs[KNOB_RUN_CYCLES];
        }
    }
    if (chip.running && chip.cycles >= chip.run_end) {
        chip.running = false;
        chip.error = (uint32_t)knobs[KNOB_RUN_ERROR];
        chip.error_address = chip.error ? chip.run_address : 0;
    }
    start_capture();
}

static void access(void) { advance(ACCESS_CYCLES); }

void chip_advance(uint64_t cycles) { advance(cycles); }

void chip_warm_reset(void) {
    /* It waits for a statement in progress. */
    if (chip.statement_busy) advance(chip.statement_end - chip.cycles);
    life_warm_reset();
    chip.booted = chip.held = false;
    chip.bootcount++;
    chip.boot_cycles = chip.cycles;
    chip.reset_requested = false;
    chip.received_at = chip.received_size = 0;
    memset(chip.weights, 0, sizeof chip.weights);
    memset(chip.image, 0, sizeof chip.image);
    chip.ingest_active = chip.ingest_rejected = chip.random_latched = chip.request_latched = false;
    chip.capturing = chip.done = chip.running = false;
    chip.error = chip.error_address = 0;
    chip.runs = 0;
    chip.records = chip.captures = 0;
    chip.rate = 1u << 20;
}

void chip_power_on(void) {
    memset(&chip, 0, sizeof chip);
    nor_power_on();
    life_power_on();
    for (uint32_t index = 0; index < 32; index++) chip.key[index] = (uint8_t)(0x40 + index);
    memset(knobs, 0, sizeof knobs);
    knobs[KNOB_PROVISIONED] = knobs[KNOB_DERIVED] = knobs[KNOB_CLEARED] = 1;
    knobs[KNOB_STATEMENT_CYCLES] = 5000;
    knobs[KNOB_CAPTURE_CYCLES] = 2000;
    knobs[KNOB_INGEST_CYCLES] = 200;
    knobs[KNOB_TX_ROOM] = 512;
    knobs[KNOB_RUN_CYCLES] = 20000;
    chip_warm_reset();
}

bool chip_restore(uint64_t seq, uint32_t bootcount, const uint8_t *chain) {
    if (chip.statement_begun) return false;
    chip.seq = seq;
    chip.bootcount = bootcount;
    memcpy(chip.chain, chain, sizeof chip.chain);
    return true;
}

void chip_set(enum knob knob, uint64_t value) {
    knobs[knob] = value;
    if (knob == KNOB_RANDOM) chip.random_latched = true;
    if (knob == KNOB_MACS) life_set_macs(value);
    if (knob == KNOB_ENTROPY) life_fail_entropy((uint32_t)value);
    start_capture();
}

void chip_feed(const uint8_t *bytes, uint32_t size) {
    memmove(chip.received, chip.received + chip.received_at, chip.received_size - chip.received_at);
    chip.received_size -= chip.received_at;
    chip.received_at = 0;
    if (size > LINK_BYTES - chip.received_size) chip_misused("the test feeds too much");
    memcpy(chip.received + chip.received_size, bytes, size);
    chip.received_size += size;
}

const uint8_t *chip_take_sent(uint32_t *size) {
    *size = chip.sent_size;
    chip.sent_size = 0;
    return chip.sent;
}

struct chip_state chip_get_state(void) {
    const struct nor_counts counts = nor_get_counts();
    return (struct chip_state){
        .cycles = chip.cycles,
        .seq = chip.seq,
        .records = chip.records,
        .rate = chip.rate,
        .bootcount = chip.bootcount,
        .captures = chip.captures,
        .statements = chip.statements,
        .resets = chip.resets,
        .waiting = chip_waiting(),
        .flash_changes = counts.programs + counts.erases,
        .macs = life_macs(),
        .held = chip.held,
        .running = chip.running,
        .lifecycle = otp_lifecycle_read(),
        .floor = otp_security_floor_read(),
        .burns = life_burns(),
        .refused_burns = life_refused_burns(),
    };
}

uint32_t chip_waiting(void) { return chip.received_size - chip.received_at; }

bool chip_reset_is_requested(void) { return chip.reset_requested; }

uint8_t *chip_weights(void) { return chip.weights; }

static uint32_t load_word(const uint8_t *memory, uint32_t offset) {
    uint32_t word;
    memcpy(&word, memory + offset, 4);
    return word;
}

uint32_t window_read(window_base base, uint32_t offset) {
    access();
    if (offset % 4) chip_misused("misaligned window access");
    const uint32_t size = base == STATEMENT_BASE ? STATEMENT_BYTES : WEIGHTS_SIZE;
    if (offset >= size) chip_misused("read beyond a window");
    if (base == WEIGHTS_BASE) return load_word(chip.weights, offset);
    if (base == STATEMENT_BASE) return chip.statement_valid ? load_word(chip.statement, offset) : 0;
    if (base != IMAGE_BASE) chip_misused("no such window");
    if (knobs[KNOB_CAPTURE_AT_IMAGE_READ]) {
        knobs[KNOB_CAPTURE_AT_IMAGE_READ]--;
        chip_set(KNOB_RANDOM, 1);
    }
    return load_word(chip.image, offset);
}

void ingest_data_write(uint32_t half_word) {
    access();
    if (!chip.ingest_active) chip_misused("ingest data without a record");
    const uint32_t offset = chip.ingest_half_words++ * 4;
    if (offset >= chip.ingest_length) chip_misused("more ingest data than the record has");
    if (chip.ingest_kind == RECORD_WRITE) {
        memcpy(chip.weights + chip.ingest_address + offset, &half_word, 4);
    } else if (chip.ingest_kind == RECORD_RUN) {
        chip.run[offset / 4] = half_word;
        chip.run_address = chip.ingest_address;
    } else {
        chip.rate = offset ? (chip.rate & UINT32_MAX) | (uint64_t)half_word << 32 : half_word;
    }
    chip.ingest_end = chip.cycles + knobs[KNOB_INGEST_CYCLES];
}

uint32_t link_rx_read(void) {
    access();
    if (chip.received_at == chip.received_size) return 0;
    return LINK_RX_VALID_MASK | chip.received[chip.received_at++];
}

uint32_t link_status_read(void) {
    access();
    return (knobs[KNOB_TX_ROOM] ? LINK_STATUS_TX_READY_MASK : 0) |
           (chip.received_at < chip.received_size ? LINK_STATUS_RX_VALID_MASK : 0);
}

uint32_t link_tx_room_read(void) {
    access();
    return (uint32_t)knobs[KNOB_TX_ROOM];
}

void link_tx_write(uint32_t value) {
    access();
    if (chip.sent_size == LINK_BYTES) chip_misused("the test never takes what is sent");
    chip.sent[chip.sent_size++] = (uint8_t)value;
}

uint32_t chip_map_hash_read(void) { return MAP_HASH; }

uint32_t chip_status_read(void) {
    access();
    return (knobs[KNOB_PROVISIONED] ? CHIP_STATUS_PROVISIONED_MASK : 0) |
           (knobs[KNOB_DERIVED] ? CHIP_STATUS_DERIVED_MASK : 0) |
           (knobs[KNOB_CLEARED] ? CHIP_STATUS_CLEARED_MASK : 0) |
           (life_is_locked() ? CHIP_STATUS_MEASURED_MASK : 0) | (chip.booted ? CHIP_STATUS_BOOTED_MASK : 0) |
           (life_entropy_failed() ? CHIP_STATUS_ENTROPY_FAILED_MASK : 0);
}

uint64_t chip_ticks_read(void) {
    access();
    return (chip.cycles - chip.boot_cycles) >> TICK_CYCLES_LOG2;
}

uint32_t chip_bootcount_read(void) { return (uint32_t)chip.bootcount; }

uint64_t chip_seq_read(void) {
    access();
    return chip.seq;
}

void chip_identity_index_write(uint32_t value) { chip.identity_index = value; }

uint32_t chip_identity_data_read(void) {
    const uint32_t word = chip.identity_index;
    if (word < 4) return load_word(life_fuses() + CHIP_ID_OFFSET, 4 * word);
    if (word < 12) return load_word(chip.key, 4 * (word - 4));
    if (word < 20) return load_word(life_fuses() + CONFIGURATION_OFFSET, 4 * (word - 12));
    chip_misused("no such identity word");
}

void chip_lock_write(uint32_t value) {
    if (value & CHIP_LOCK_MEASUREMENT_MASK) life_lock();
}

void chip_reset_write(uint32_t value) {
    if ((value & CHIP_RESET_REQUEST_MASK) && !chip.reset_requested) chip.resets++;
    chip.reset_requested = chip.reset_requested || (value & CHIP_RESET_REQUEST_MASK);
}

static void set_record(uint32_t *field, uint32_t value) {
    access();
    if (chip.ingest_active) chip_misused("a record is described while another is active");
    *field = value;
}

void ingest_kind_write(uint32_t value) { set_record(&chip.ingest_kind, value); }
void ingest_address_write(uint32_t value) { set_record(&chip.ingest_address, value); }
void ingest_length_write(uint32_t value) { set_record(&chip.ingest_length, value); }

static bool must_wait(void) {
    const uint64_t end = (uint64_t)chip.ingest_address + chip.ingest_length;
    const bool is_open = chip.ingest_kind == RECORD_WRITE && chip.run[2] <= chip.ingest_address && end <= chip.run[3];
    return chip.running && chip.ingest_kind != RECORD_TRIGGER_RATE && !is_open;
}

void ingest_start_write(uint32_t value) {
    access();
    if (!(value & INGEST_START_START_MASK)) return;
    const uint64_t end = (uint64_t)chip.ingest_address + chip.ingest_length;
    const bool is_write = chip.ingest_kind == RECORD_WRITE && end <= WEIGHTS_SIZE;
    const bool is_rate = chip.ingest_kind == RECORD_TRIGGER_RATE && !chip.ingest_address && chip.ingest_length == 8;
    const bool is_aligned = (chip.ingest_address | chip.ingest_length) % 8 == 0 && chip.ingest_length;
    const bool is_run = chip.ingest_kind == RECORD_RUN && chip.ingest_length == 16 && !chip.error;
    if (!is_aligned || !(is_write || is_rate || is_run)) chip_misused("ingest would refuse the record");
    if (must_wait()) chip_misused("the record would block the bus until the run is over");
    chip.ingest_rejected = knobs[KNOB_INGEST_REJECTED];
    chip.ingest_active = !chip.ingest_rejected;
    chip.ingest_half_words = 0;
}

uint32_t ingest_status_read(void) {
    access();
    return (chip.ingest_active ? INGEST_STATUS_ACTIVE_MASK : 0) |
           (chip.ingest_rejected ? INGEST_STATUS_REJECTED_MASK : 0) | (must_wait() ? INGEST_STATUS_WAITING_MASK : 0);
}

uint32_t accelerator_status_read(void) {
    access();
    return (chip.running ? ACCELERATOR_STATUS_BUSY_MASK : 0) | (chip.error ? ACCELERATOR_STATUS_STOPPED_MASK : 0) |
           chip.error << ACCELERATOR_STATUS_ERROR_SHIFT | (chip.held ? ACCELERATOR_STATUS_HELD_MASK : 0);
}

uint32_t accelerator_error_address_read(void) { return chip.error_address; }
uint64_t accelerator_busy_cycles_read(void) { return chip.runs * knobs[KNOB_RUN_CYCLES]; }
uint64_t accelerator_stall_cycles_read(void) { return 0; }

void accelerator_control_write(uint32_t value) {
    access();
    if (value & ACCELERATOR_CONTROL_RELEASE_MASK) chip.held = false;
    if (!(value & ACCELERATOR_CONTROL_CLEAR_MASK) || chip.running) return;
    chip.error = chip.error_address = 0;
}

uint64_t ingest_records_read(void) { return chip.records; }
uint64_t trigger_rate_read(void) { return chip.rate; }

void snapshot_request_write(uint32_t value) {
    access();
    if (value != CAUSE_HOST && value != CAUSE_CHALLENGE) chip_misused("no such cause of a request");
    if (!chip.request_latched) {
        chip.request_latched = true;
        chip.request_cause = value;
    }
    start_capture();
}

uint32_t snapshot_status_read(void) {
    access();
    return (chip.random_latched || chip.request_latched ? SNAPSHOT_STATUS_PENDING_MASK : 0) |
           (chip.capturing ? SNAPSHOT_STATUS_CAPTURING_MASK : 0) | (chip.done ? SNAPSHOT_STATUS_DONE_MASK : 0);
}

uint32_t snapshot_captures_read(void) {
    access();
    return (uint32_t)chip.captures;
}

uint32_t snapshot_capture_cycles_read(void) { return (uint32_t)knobs[KNOB_CAPTURE_CYCLES]; }
uint32_t snapshot_stall_cycles_read(void) { return 0; }
uint32_t snapshot_cause_read(void) { return chip.cause; }

void statement_slot_index_write(uint32_t value) { chip.slot_index = value; }

void statement_slot_data_write(uint32_t value) {
    if (chip.statement_busy) chip_misused("slots are written while a statement is made");
    memcpy(chip.slots + 4 * (chip.slot_index++ & 15), &value, 4);
}

void statement_request_write(uint32_t kind) {
    access();
    if (chip.statement_busy) chip_misused("a statement is requested while another is made");
    if (kind == KIND_SNAPSHOT && !chip.done) chip_misused("a snapshot statement without a capture");
    const bool is_in_order = kind == KIND_BOOT ? !chip.booted && life_is_locked() : chip.booted;
    chip.statement_refused = knobs[KNOB_STATEMENT_REFUSED] || !is_in_order || life_entropy_failed() ||
                             !knobs[KNOB_PROVISIONED] || !knobs[KNOB_DERIVED];
    if (chip.statement_refused) return;
    chip.statement_begun = true;
    chip.statement_valid = false;
    chip.statement_busy = true;
    chip.statement_end = chip.cycles + knobs[KNOB_STATEMENT_CYCLES];
    for (uint32_t index = 0; index < STATEMENT_BYTES; index++) chip.statement[index] = (uint8_t)(index * 7 + chip.seq);
    chip.statement[CLAIM_KIND_OFFSET] = (uint8_t)kind;
    chip.statement[CLAIM_CAUSE_OFFSET] = (uint8_t)(kind == KIND_SNAPSHOT ? chip.cause : CAUSE_NONE);
    put_big_endian(CLAIM_SEQ_OFFSET, CLAIM_SEQ_BYTES, chip.seq);
    put_big_endian(CLAIM_BOOTCOUNT_OFFSET, CLAIM_BOOTCOUNT_BYTES, chip.bootcount);
    put_big_endian(CLAIM_MACS_OFFSET, CLAIM_MACS_BYTES, life_macs());
    memcpy(chip.statement + CLAIM_CHAIN_OFFSET, chip.chain, sizeof chip.chain);
    memcpy(chip.statement + CLAIM_NONCE_OFFSET, chip.slots, 32);
    memcpy(chip.statement + CLAIM_DIGEST_OFFSET, chip.slots + 32, 32);
    if (kind == KIND_SNAPSHOT) chip.done = false;
}

uint32_t statement_status_read(void) {
    access();
    return (chip.statement_busy ? STATEMENT_STATUS_BUSY_MASK : 0) |
           (chip.statement_valid ? STATEMENT_STATUS_VALID_MASK : 0) |
           (chip.statement_refused ? STATEMENT_STATUS_REFUSED_MASK : 0);
}

uint32_t statement_sign_cycles_read(void) { return (uint32_t)knobs[KNOB_STATEMENT_CYCLES]; }
uint64_t counters_macs_read(void) {
    access();
    return life_macs();
}
uint64_t counters_steps_read(void) { return 70000; }
uint64_t counters_descriptors_read(void) { return 300; }
