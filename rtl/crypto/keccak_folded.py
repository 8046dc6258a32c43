"""Keccak-p[1600, 12 or 24] (FIPS 202 section 3) with several clock cycles in a round: a few slices in a cycle."""

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value
from amaranth.lib import wiring

from .keccak import PermutationSignature
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
)

FOLDINGS = (1, 2, 4, 8, 16, 32)


class FoldedKeccakPermutation(wiring.Component):
    """Keccak-p[1600, 12 or 24], `slices_per_cycle` (one of FOLDINGS) slices in a cycle. Ports: PermutationSignature.

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
        with_chi = Signal()
        with_theta = Signal()
        pass_ends = Signal()
        m.d.comb += [
            self.ready.eq(~permuting),
            with_theta.eq(~with_chi | (round_index != ROUNDS - 1)),
            pass_ends.eq(permuting & (step == steps - 1)),
        ]

        compact = Signal(len(CONSTANT_BITS))
        constant = Signal(k)
        bits: list[Value] = [Const(0, 1)] * k
        for j, position in enumerate(CONSTANT_BITS):
            bits[position % k] = bits[position % k] | (compact[j] & (step == position // k))
        m.d.comb += [
            compact.eq(Array(compact_constants())[round_index]),
            constant.eq(Cat(*bits) & with_chi.replicate(k)),
        ]

        slices = chi([lane[:k] for lane in self.state], with_chi.replicate(k))
        slices = named(m, "iota", [slices[0] ^ constant, *slices[1:]], k)
        parity = named(m, "parity", column_parities(slices), k)
        last_parity = [Signal(name=f"last_parity_{x}") for x in range(5)]
        effect = [
            (parity[(x - 1) % 5] ^ Cat(last_parity[(x + 1) % 5], parity[(x + 1) % 5])[:k]) & with_theta.replicate(k)
            for x in range(5)
        ]
        effect = named(m, "effect", effect, k)
        theta = named(m, "theta", [slices[i] ^ effect[i % 5] for i in range(LANES)], k)
        shifted = named(m, "shifted", [Cat(lane[k:], new) for lane, new in zip(self.state, theta, strict=True)], 64)
        # Slice 0 went through theta before the parity of slice 63, its neighbour, was known.
        whole = [Cat(lane[0] ^ parity[(i % 5 + 1) % 5][-1], lane[1:]) for i, lane in enumerate(shifted)]

        with m.If(self.ready & self.load):
            m.d.sync += [lane.eq(value) for lane, value in zip(self.state, self.state_in, strict=True)]
        with m.Elif(pass_ends & with_theta):
            m.d.sync += [lane.eq(value) for lane, value in zip(self.state, rho_pi(whole), strict=True)]
        with m.Elif(permuting):
            m.d.sync += [lane.eq(value) for lane, value in zip(self.state, shifted, strict=True)]

        with m.If(permuting):
            m.d.sync += [
                step.eq(step + 1),
                *(last.eq(lane[-1]) for last, lane in zip(last_parity, parity, strict=True)),
            ]
        with m.If(pass_ends):
            m.d.sync += [step.eq(0), with_chi.eq(1), *(last.eq(0) for last in last_parity)]
            with m.If(with_chi):
                m.d.sync += round_index.eq(round_index + 1)
            with m.If(~with_theta):
                m.d.sync += permuting.eq(0)
        with m.If(self.ready & self.start):
            m.d.sync += [permuting.eq(1), with_chi.eq(0), step.eq(0)]
            with m.If(self.rounds_24):
                m.d.sync += round_index.eq(0)
            with m.Else():
                m.d.sync += round_index.eq(ROUNDS // 2)
        return m
