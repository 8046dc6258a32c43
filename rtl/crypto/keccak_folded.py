"""Keccak-p[1600, 12 or 24] (FIPS 202 section 3) with several clock cycles in a round: a few slices in a cycle."""

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring

from .keccak import (
    CONSTANT_BITS,
    LANE_BITS,
    ROUNDS,
    PermutationSignature,
    chi,
    compact_round_constants,
)

FOLDINGS = (1, 2, 4, 8, 16, 32)


class FoldedKeccakPermutation(wiring.Component):
    """Keccak-p[1600, 12 or 24], `slices_per_cycle` (1, 2, 4, 8, 16 or 32) slices in a cycle. Ports: PermutationSignature.

    The lanes are shift registers. A pass of 64 / slices_per_cycle cycles takes every slice once through chi and iota
    of one round and theta of the next, and ends with rho and pi, which are wires. The first pass is theta alone, the
    last chi and iota alone, so that a permutation has one pass more than rounds.

    From a cycle with `start` to the next one with `ready`: 1 + (rounds + 1) * 64 / slices_per_cycle cycles, with
    `load` or without.
    """

    def __init__(self, slices_per_cycle: int = 8):
        if slices_per_cycle not in FOLDINGS:
            raise ValueError(f"slices_per_cycle is {slices_per_cycle}, not one of {FOLDINGS}")
        self.slices_per_cycle = slices_per_cycle
        super().__init__(PermutationSignature())

    def elaborate(self, platform):
        m = Module()
        k = self.slices_per_cycle
        steps = LANE_BITS // k
        permuting = Signal()
        step = Signal(range(steps))
        round_index = Signal(range(ROUNDS))
        theta_only = Signal()
        before = [Signal(name=f"parity_before_{x}") for x in range(5)]

        last_step = step == steps - 1
        last_pass = Signal()
        m.d.comb += [self.ready.eq(~permuting), last_pass.eq(~theta_only & (round_index == ROUNDS - 1))]

        constant = Signal(k)
        compact = Signal(len(CONSTANT_BITS))
        m.d.comb += compact.eq(Array(compact_round_constants())[round_index])
        for j, position in enumerate(CONSTANT_BITS):
            with m.If(~theta_only & (step == position // k)):
                m.d.comb += constant[position % k].eq(compact[j])

        def wires(name: str, values: list[Value]) -> list[Signal]:
            signals = [Signal(k, name=f"{name}_{i}") for i in range(len(values))]
            m.d.comb += [signal.eq(value) for signal, value in zip(signals, values, strict=True)]
            return signals

        slices = [lane[:k] for lane in self.state]
        nonlinear = chi(slices, Mux(theta_only, 0, Const(-1, k)))
