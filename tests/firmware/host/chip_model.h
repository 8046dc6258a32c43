/* A model of the chip's registers, as coarse as firmware's handlers allow: engines take a set number of cycles and
   say nothing true about digests or signatures. Every register access takes ACCESS_CYCLES. */
#ifndef CHIP_MODEL_H
#define CHIP_MODEL_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCESS_CYCLES 12
#define MODEL_MEMORY_BYTES (1u << 20)
#define LINK_BYTES (1u << 20)

/* What a test can set. */
enum knob {
    KNOB_PROVISIONED,
    KNOB_DERIVED,
    KNOB_CLEARED,
    KNOB_STATEMENT_CYCLES,
    KNOB_CAPTURE_CYCLES,
    KNOB_INGEST_CYCLES,
    KNOB_STATEMENT_REFUSED,
    KNOB_INGEST_REJECTED,
    KNOB_TX_ROOM,
    /* Set: the random trigger fires once. */
    KNOB_RANDOM,
    /* Captures that begin with the next read of IMAGE. */
    KNOB_CAPTURE_AT_IMAGE_READ,
    /* How long a run takes, the error with which it then stops (none if 0), and its multiply-accumulates in a cycle. */
    KNOB_RUN_CYCLES,
    KNOB_RUN_ERROR,
    KNOB_RUN_MACS,
    /* Multiply-accumulates over the chip's life, as they are from now on. */
    KNOB_MACS,
    /* Health tests that fail, until power-on: 1 repetition count, 2 adaptive proportion, 3 both. */
    KNOB_ENTROPY,
    KNOB_BURN_CYCLES,
    KNOBS,
};

extern uint64_t knobs[KNOBS];

/* What a test can see, beside memory. */
struct chip_state {
    uint64_t cycles, seq, records, rate, bootcount, captures, statements, resets, waiting, flash_changes;
    uint64_t macs, held, running, lifecycle, floor, burns, refused_burns;
};

/* Power-on: flash and fuses are what they were, all else is new. */
void chip_power_on(void);
void chip_warm_reset(void);
/* Where the run goes on when power is cut. */
void chip_until_power_cut(jmp_buf *where);
void chip_set(enum knob knob, uint64_t value);
void chip_advance(uint64_t cycles);
void chip_feed(const uint8_t *bytes, uint32_t size);
/* Returns what firmware has sent since the last call, and its size. */
const uint8_t *chip_take_sent(uint32_t *size);
struct chip_state chip_get_state(void);
/* Returns the bytes that firmware has not yet read from the link. */
uint32_t chip_waiting(void);
bool chip_reset_is_requested(void);
uint8_t *chip_weights(void);

#endif
