"""Keccak-p[1600, 12 or 24] (FIPS 202 section 3) with one or two rounds in a clock cycle."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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
"""Left rotation of lane x + 5y by rho (FIPS 202 3.2.2, table 2, modulo 64)."""

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


class PermutationSignature(wiring.Signature):
    """Ports of every Keccak-p[1600] permutation, seen from the permutation.

    A lane array is 25 signals of 64 bits, lane x + 5y at index x + 5y.

    * `load`: in a cycle with `ready`, the state takes `state_in`.
    * `start`: in a cycle with `ready`, the permutation runs on the state, or on `state_in` if `load` is set.
      `rounds_24` is sampled then: 1 runs Keccak-f[1600], 24 rounds; 0 its last 12, Keccak-p[1600, 12].
    * `ready`: idle. `load` and `start` are ignored while it is 0.
    * `state`: valid and stable while `ready`; of no meaning otherwise.
    """

    def __init__(self):
        super().__init__(
            {
                "state_in": In(LANE_BITS).array(LANES),
                "load": In(1),
                "start": In(1),
                "rounds_24": In(1),
                "ready": Out(1, init=1),
                "state": Out(LANE_BITS).array(LANES),
            }
        )


def round_constant(compact: Value) -> Value:
    """The 64-bit round constant of its seven bits at CONSTANT_BITS."""
    bits = [Const(0, 1)] * LANE_BITS
    for j, position in enumerate(CONSTANT_BITS):
        bits[position] = compact[j]
    return Cat(*bits)


def compact_round_constants(first: int = 0, step: int = 1) -> list[int]:
    """Each `step`-th round constant from `first` on, reduced to its seven bits at CONSTANT_BITS."""
    return [
        sum((constant >> position & 1) << j for j, position in enumerate(CONSTANT_BITS))
        for constant in ROUND_CONSTANTS[first::step]
    ]


def keccak_round(m: Module, lanes: Sequence[Value], constant: Value, name: str = "round") -> list[Signal]:
    """One round of FIPS 202 3.2 as combinational logic of `m`; returns the 25 lanes after iota.

    Every intermediate lane is a signal of its own, so that a simulator works on 64-bit words.
    """

    def wires(step: str, values: Sequence[Value]) -> list[Signal]:
        signals = [Signal(LANE_BITS, name=f"{name}_{step}_{i}") for i in range(len(values))]
        m.d.comb += [signal.eq(value) for signal, value in zip(signals, values, strict=True)]
        return signals

    parity = wires(
        "parity", [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
    )
    effect = wires("effect", [parity[(x - 1) % 5] ^ parity[(x + 1) % 5].rotate_left(1) for x in range(5)])
    theta = wires("theta", [lanes[i] ^ effect[i % 5] for i in range(LANES)])
    rho_pi: list[Value] = [Const(0, LANE_BITS)] * LANES
    for y in range(5):
        for x in range(5):
            source = x + 5 * y
            rho_pi[y + 5 * ((2 * x + 3 * y) % 5)] = theta[source].rotate_left(ROTATIONS[source])
    b = wires("rho_pi", rho_pi)
    chi = [b[5 * y + x] ^ (~b[5 * y + (x + 1) % 5] & b[5 * y + (x + 2) % 5]) for y in range(5) for x in range(5)]
    return wires("iota", [chi[0] ^ constant, *chi[1:]])


class KeccakPermutation(wiring.Component):
    """Keccak-p[1600, 12 or 24], `rounds_per_cycle` (1 or 2) rounds in a cycle. Ports: PermutationSignature.

    From a cycle with `start` to the next one with `ready`: rounds / rounds_per_cycle cycles, and one more if
    `load` came together with `start`. At one round in a cycle that is 12 and 13 (12 rounds), 24 and 25 (24).
    """

    def __init__(self, rounds_per_cycle: int = 1):
        if rounds_per_cycle not in (1, 2):
            raise ValueError(f"rounds_per_cycle is {rounds_per_cycle}, not 1 or 2")
        self.rounds_per_cycle = rounds_per_cycle
        super().__init__(PermutationSignature())

    def elaborate(self, platform):
        m = Module()
        steps = ROUNDS // self.rounds_per_cycle
        first_step = Signal(range(steps))
        next_step = Signal(range(steps))
        step = Signal(range(steps))
        permuting = Signal()

        m.d.comb += [
            self.ready.eq(~permuting),
            first_step.eq(Mux(self.rounds_24, 0, steps // 2)),
            step.eq(Mux(permuting, next_step, first_step)),
        ]
        permuted: Sequence[Value] = self.state
        for i in range(self.rounds_per_cycle):
            constants = Array(compact_round_constants(i, self.rounds_per_cycle))
            compact = Signal(len(CONSTANT_BITS), name=f"constant_{i}")
            m.d.comb += compact.eq(constants[step])
            permuted = keccak_round(m, permuted, round_constant(compact), name=f"round_{i}")

        loads = self.ready & self.load
        runs = permuting | self.start & ~self.load
        with m.If(loads):
            m.d.sync += [lane.eq(value) for lane, value in zip(self.state, self.state_in, strict=True)]
        with m.Elif(runs):
            m.d.sync += [lane.eq(value) for lane, value in zip(self.state, permuted, strict=True)]
        with m.If(runs):
            m.d.sync += [next_step.eq(step + 1), permuting.eq(step != steps - 1)]
        with m.Elif(self.start):
            m.d.sync += [next_step.eq(first_step), permuting.eq(1)]
        return m
