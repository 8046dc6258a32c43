"""Step mappings and constants of Keccak-p[1600] (FIPS 202 section 3.2) as pure functions on Amaranth values.

A state is a sequence of 25 lanes, lane x + 5y at index x + 5y.
"""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value, ValueLike

LANES = 25
LANE_BITS = 64
ROUNDS = 24

ROTATIONS = (
    0, 1, 62, 28, 27,
    36, 44, 6, 55, 20,
    3, 10, 43, 25, 39,
    41, 45, 15, 21, 8,
    18, 2, 61, 56, 14,
)  # fmt: skip
"""Left rotation of each lane by rho (FIPS 202 3.2.2, table 2, modulo 64)."""

ROUND_CONSTANTS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip
"""Round constants of iota (FIPS 202 3.2.5)."""

CONSTANT_BITS = tuple((1 << j) - 1 for j in range(7))
"""The only bit positions at which a round constant can be set."""

PI_SOURCES = tuple((x + 3 * y) % 5 + 5 * x for y in range(5) for x in range(5))
"""The lane that pi moves to each index (FIPS 202 3.2.3)."""


def named(m: Module, name: str, values: Sequence[ValueLike], width: int) -> list[Signal]:
    """Gives each value a signal of its own in `m`, so that a simulator computes it once, as one machine word."""
    signals = [Signal(width, name=f"{name}_{i}") for i in range(len(values))]
    m.d.comb += [signal.eq(value) for signal, value in zip(signals, values, strict=True)]
    return signals


def column_parities(lanes: Sequence[Value]) -> list[Value]:
    """C[x] of theta (3.2.1) for x from 0 to 4."""
    return [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]


def rho_pi(lanes: Sequence[Value]) -> list[Value]:
    """pi(rho(lanes)) (3.2.2, 3.2.3), on whole lanes: wires only."""
    return [lanes[source].rotate_left(ROTATIONS[source]) for source in PI_SOURCES]


def chi(lanes: Sequence[Value]) -> list[Value]:
    """chi (3.2.4)."""
    return [
        lanes[5 * y + x] ^ (~lanes[5 * y + (x + 1) % 5] & lanes[5 * y + (x + 2) % 5])
        for y in range(5)
        for x in range(5)
    ]


def compact_constants(first: int = 0, step: int = 1) -> list[int]:
    """Each `step`-th round constant from `first` on, reduced to its seven bits at CONSTANT_BITS."""
    return [
        sum((constant >> position & 1) << j for j, position in enumerate(CONSTANT_BITS))
        for constant in ROUND_CONSTANTS[first::step]
    ]


def round_constant(compact: Value) -> Value:
    """The 64-bit round constant of its seven bits at CONSTANT_BITS."""
    bits: list[Value] = [Const(0, 1)] * LANE_BITS
    for j, position in enumerate(CONSTANT_BITS):
        bits[position] = compact[j]
    return Cat(*bits)
