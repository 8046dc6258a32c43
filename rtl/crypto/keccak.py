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


def keccak_round(
    m: Module, lanes: Sequence[Value], constant: Value, name: str, enable: Value | None = None
) -> list[Signal]:
    """One round of FIPS 202 3.2 as combinational logic of `m`; returns the 25 lanes after iota.

    enable: while it is 0, theta's result counts as zero, and so the round's is `constant` alone.
    """
    parity = named(m, f"{name}_parity", column_parities(lanes), LANE_BITS)
    effect = [parity[(x - 1) % 5] ^ parity[(x + 1) % 5].rotate_left(1) for x in range(5)]
    effect = named(m, f"{name}_effect", effect, LANE_BITS)
    theta = [lanes[i] ^ effect[i % 5] for i in range(LANES)]
    if enable is not None:
        theta = [lane & enable.replicate(LANE_BITS) for lane in theta]
    after_chi = chi(named(m, f"{name}_pi", rho_pi(named(m, f"{name}_theta", theta, LANE_BITS)), LANE_BITS))
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
        loads = self.ready & self.load
        runs = Signal()
        m.d.comb += runs.eq(permuting | self.start & ~self.load)

        # A state that is loaded passes through the rounds' last gates: with zero in their place, it is added to zero.
        permuted: Sequence[Value] = self.state
        for i in range(self.rounds_per_cycle):
            constants = Array(compact_constants(i, self.rounds_per_cycle))
            compact = Signal(len(CONSTANT_BITS), name=f"constant_{i}")
            m.d.comb += compact.eq(Mux(runs, constants[step], 0))
            enable = runs if i == 0 else None
            permuted = keccak_round(m, permuted, round_constant(compact), f"round_{i}", enable)
        with m.If(loads | runs):
            for lane, after_round, loaded in zip(self.state, permuted, self.state_in, strict=True):
                m.d.sync += lane.eq(after_round ^ (loaded & loads.replicate(LANE_BITS)))
        with m.If(runs):
            m.d.sync += [next_step.eq(step + 1), permuting.eq(step != steps - 1)]
        with m.Elif(self.start):
            m.d.sync += [next_step.eq(first_step), permuting.eq(1)]
        return m
