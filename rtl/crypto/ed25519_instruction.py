"""The Ed25519 signer's instructions: what a word of its microprogram says."""

from amaranth.lib import data, enum

from .ed25519_table import ORDER, ORDER_FOLD, PRIME

ELEMENTS = 32
"""Numbers in the working memory."""


class Operation(enum.Enum, shape=4):
    """What to do; d, a, b are numbers in working memory, b may also be in ROM. Operation by operation:

    ADD, SUBTRACT: d = a + b, d = a - b.
    ADD_IF_NEGATIVE: d = a + b if the last of these three had a negative result, d = a if not.
    MULTIPLY: d = a * b mod p, not fully reduced. SQUARE: a is squared so `number` + 1 times.
    MULTIPLY_WIDE: the pair (d, d + 1) = a * b, d even.
    SEND: the number a, as four 64-bit words, to Destination(number).
    RECEIVE: from Source(number) to d, and d + 1.
    HASH_START: SHA-512 begins a new message. HASH_MESSAGE: the signer's message ends it; HASH_END: nothing more does.
    LOOP: the next bit of each tooth of the comb; goes on at `number` until the scalar's last bits were used.
    CALL, RETURN: one level. END: clears SHA-512; ready for the next request.
    """

    ADD = 0
    SUBTRACT = 1
    ADD_IF_NEGATIVE = 2
    MULTIPLY = 3
    SQUARE = 4
    MULTIPLY_WIDE = 5
    SEND = 6
    RECEIVE = 7
    HASH_START = 8
    HASH_MESSAGE = 9
    HASH_END = 10
    LOOP = 11
    CALL = 12
    RETURN = 13
    END = 14


class Space(enum.Enum, shape=2):
    """Where the operand b is."""

    ELEMENT = 0
    CONSTANT = 1
    TABLE = 2


class Destination(enum.Enum, shape=2):
    """HASH: SHA-512's message. SCALAR: the comb's scalar. PUBLIC_KEY, SIGNATURE: the signer's results."""

    HASH = 0
    SCALAR = 1
    PUBLIC_KEY = 2
    SIGNATURE = 3


class Source(enum.Enum, shape=2):
    """SEED: 32 bytes. DIGEST: 64 bytes, a pair. KEY_DIGEST: likewise, the lower half clamped (RFC 8032 5.1.5)."""

    SEED = 0
    DIGEST = 1
    KEY_DIGEST = 2


class Constant(enum.Enum, shape=5):
    """Numbers in ROM, as indices in Space.CONSTANT; their values: `constant_values`."""

    ZERO = 0
    ONE = 1
    PRIME = 2
    TWO_PRIMES = 3
    TOP_BIT = 4
    ORDER_FOLD = 5
    ORDER_OFFSET = 6
    ORDER = 7
    ORDER_2 = 8
    ORDER_4 = 9
    ORDER_8 = 10
    ORDER_16 = 11
    ORDER_32 = 12


INSTRUCTION = data.StructLayout(
    {
        "operation": Operation,
        "d": 5,
        "a": 5,
        "b": data.StructLayout({"index": 5, "space": Space}),
        "number": 8,
    }
)
"""b's index in Space.TABLE: part of the precomputed point (2 bits), then the table (2 bits)."""


def constant_values() -> dict[Constant, int]:
    """ORDER_OFFSET makes the sum of a reduction mod L positive; all are below 2**259."""
    return {
        Constant.ZERO: 0,
        Constant.ONE: 1,
        Constant.PRIME: PRIME,
        Constant.TWO_PRIMES: 2 * PRIME,
        Constant.TOP_BIT: 1 << 255,
        Constant.ORDER_FOLD: ORDER_FOLD,
        Constant.ORDER_OFFSET: 17 * ORDER,
        Constant.ORDER: ORDER,
        Constant.ORDER_2: 2 * ORDER,
        Constant.ORDER_4: 4 * ORDER,
        Constant.ORDER_8: 8 * ORDER,
        Constant.ORDER_16: 16 * ORDER,
        Constant.ORDER_32: 32 * ORDER,
    }
