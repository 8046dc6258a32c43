"""Keccak-p[1600, 12 or 24] (FIPS 202 section 3) with one or two rounds in a clock cycle."""

from collections.abc import Sequence

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .keccak_steps import (
    CONSTANT_BITS,
    LANE_BITS,
    LANES,
    ROUNDS,
    chi,
    column_parities,
    compact_constants,
    named,
    rho_pi,
    round_constant,
)


def keccak_round(m: Module, lanes: Sequence[Value], constant: Value, name: str) -> list[Signal]:
    """One round of FIPS 202 3.2 as combinational logic of `m`; returns the 25 lanes after iota."""
    parity = named(m, f"{name}_parity", column_parities(lanes), LANE_BITS)
    effect = [parity[(x - 1) % 5] ^ parity[(x + 1) % 5].rotate_left(1) for x in range(5)]
    effect = named(m, f"{name}_effect", effect, LANE_BITS)
    theta = named(m, f"{name}_theta", [lanes[i] ^ effect[i % 5] for i in range(LANES)], LANE_BITS)
    after_chi = chi(named(m, f"{name}_pi", rho_pi(theta), LANE_BITS))
    return named(m, f"{name}_iota", [after_chi[0] ^ constant, *after_chi[1:]], LANE_BITS)


class KeccakPermutation(wiring.Component):
    """Keccak-p[1600, 12 or 24], `rounds_per_cycle` (1 or 2) rounds in a cycle.

    A state is 25 signals of 64 bits, lane x + 5y at index x + 5y: a simulator works on them one by one.

    * `load`: in a cycle with `ready`, the state takes `state_in`.
    * `start`: in a cycle with `ready`, the permutation runs on the state, or on `state_in` if `load` is set.
      `rounds_24` is sampled then: 1 runs Keccak-f[1600], 24 rounds; 0 its last 12, Keccak-p[1600, 12].
    * `ready`: idle. `load` and `start` are ignored while it is 0.
    * `state`: valid and stable while `ready`; of no meaning otherwise.

    From a cycle with `start` to the next one with `ready`: rounds / rounds_per_cycle cycles, and one more if
    `load` came together with `start`. At one round in a cycle that is 12 and 13 (12 rounds), 24 and 25 (24).
    """

    state_in: In(LANE_BITS).array(LANES)
    load: In(1)
    start: In(1)
    rounds_24: In(1)
    ready: Out(1)
    state: Out(LANE_BITS).array(LANES)

    def __init__(self, rounds_per_cycle: int = 1):
        if rounds_per_cycle not in (1, 2):
            raise ValueError(f"rounds_per_cycle is {rounds_per_cycle}, not 1 or 2")
        self.rounds_per_cycle = rounds_per_cycle
        super().__init__()

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
            constants = Array(compact_constants(i, self.rounds_per_cycle))
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
