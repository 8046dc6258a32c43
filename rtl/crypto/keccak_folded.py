"""Keccak-p[1600, 12 or 24] (FIPS 202 section 3), many clock cycles to a round, with the state in small memories."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import enum, memory, wiring
from amaranth.lib.wiring import In, Out

from .keccak_steps import (
    CONSTANT_BITS,
    LANE_BITS,
    LANES,
    PI_SOURCES,
    ROTATIONS,
    ROUNDS,
    compact_constants,
    named,
)

FOLDINGS = (1, 2, 4, 8, 16, 32)


class _Phase(enum.Enum, shape=2):
    IDLE = 0
    LANE = 1
    """A lane, or all of them, step by step."""
    PASS = 2
    """All slices, step by step."""
    TURN = 3
    """Between two passes: the addresses move on by rho, and the last write lands before the next read."""


def _selected(values: Sequence[Value], index: Value) -> Value:
    """values[index] as a tree of two-way choices."""
    for bit in index:
        pairs = [values[i : i + 2] for i in range(0, len(values), 2)]
        values = [Mux(bit, pair[1], pair[0]) if len(pair) == 2 else pair[0] for pair in pairs]
    return values[0]


class FoldedKeccakPermutation(wiring.Component):
    """Keccak-p[1600, 12 or 24], `slices_per_cycle` (one of FOLDINGS) slices in a cycle, lane by lane from outside.

    `ready`: one of these operations may be asked for in this cycle; the first in this order is carried out.
    * `clear`: the state becomes zero. It is undefined after reset.
    * `absorb`: lane number `lane` (x + 5y) becomes lane ^ `word`. Both are sampled now.
    * `read`: `value` is lane number `lane` from the next cycle with `ready` on, until the next operation.
    * `start`: the permutation; `rounds_24` is sampled now: 1 for Keccak-f[1600], 24 rounds; 0 for its last 12.

    Cycles from an operation to the next `ready`, with N = 64 / slices_per_cycle: N for `clear` and `absorb`, N + 1
    for `read`, 2 N + 1 + rounds * (N + 3) for `start`.

    A pass takes every slice once through rho, pi, chi and iota of one round and theta of the next; the first is
    theta alone, the last goes without. Each lane lies in a memory of N words and is rewritten in place: rho of whole
    words is nothing but an address that starts elsewhere in each round, and lanes with the same rotation in whole
    words share a memory.
    """

    clear: In(1)
    absorb: In(1)
    read: In(1)
    start: In(1)
    rounds_24: In(1)
    lane: In(range(LANES))
    word: In(LANE_BITS)
    ready: Out(1)
    value: Out(LANE_BITS)

    def __init__(self, slices_per_cycle: int = 8):
        if slices_per_cycle not in FOLDINGS:
            raise ValueError(f"slices_per_cycle is {slices_per_cycle}, not one of {FOLDINGS}")
        self.slices_per_cycle = slices_per_cycle
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        k = self.slices_per_cycle
        words = LANE_BITS // k

        phase = Signal(_Phase)
        step = Signal(range(words))
        at_end = Signal()
        clearing = Signal()
        absorbing = Signal()
        reading = Signal()
        lane = Signal(range(LANES))
        round_index = Signal(range(ROUNDS))
        with_chi = Signal()
        with_theta = Signal()
        writes = Signal()
        m.d.comb += [
            at_end.eq(step == words - 1),
            self.ready.eq((phase == _Phase.IDLE) | ((phase == _Phase.LANE) & at_end & ~reading)),
            with_theta.eq((phase == _Phase.PASS) & ~(with_chi & (round_index == ROUNDS - 1))),
        ]

        # Memories: what is read in a cycle is the word at `address`, which the same cycle may overwrite.
        current: list[Value] = [Const(0, k)] * LANES
        new: list[Value] = [Signal(k, name=f"new_{i}") for i in range(LANES)]
        stored = ((phase == _Phase.PASS) & writes) | ((phase == _Phase.LANE) & ~reading)
        moves = (phase == _Phase.LANE) | (phase == _Phase.PASS)
        for distance in sorted({rotation // k for rotation in ROTATIONS}):
            members = [i for i in range(LANES) if ROTATIONS[i] // k == distance]
            m.submodules[f"lanes_{distance}"] = lanes = memory.Memory(shape=k * len(members), depth=words, init=[])
            read_port, write_port = lanes.read_port(), lanes.write_port()
            address = Signal(range(words), name=f"address_{distance}")
            following = Signal(range(words), name=f"following_{distance}")
            m.d.comb += [
                following.eq(address + Mux(phase == _Phase.TURN, (-2 - distance) % words, moves)),
                read_port.addr.eq(following),
                write_port.addr.eq(address),
                write_port.data.eq(Cat(new[i] for i in members)),
                write_port.en.eq(stored),
            ]
            m.d.sync += address.eq(following)
            for position, i in enumerate(members):
                current[i] = read_port.data[position * k : (position + 1) * k]

        # Rho within words: the bits that a rotation carries over from the word before.
        rotated: list[Value] = []
        for i, rotation in enumerate(ROTATIONS):
            if bits := rotation % k:
                carried = Signal(bits, name=f"carried_{i}", reset_less=True)
                m.d.sync += carried.eq(current[i][k - bits :])
                rotated.append(Cat(carried, current[i][: k - bits]))
            else:
                rotated.append(current[i])

        # The round on planes: 5 lanes of k bits each in one value, lane x at bit k x, so that rotating a plane
        # by k bits exchanges lanes.
        b = named(m, "b", [Cat(rotated[i] for i in PI_SOURCES[5 * y : 5 * y + 5]) for y in range(5)], 5 * k)
        after_chi = [plane ^ (~plane.rotate_right(k) & plane.rotate_right(2 * k)) for plane in b]
        compact = Signal(len(CONSTANT_BITS))
        constant: list[Value] = [Const(0, 1)] * k
        for j, position in enumerate(CONSTANT_BITS):
            constant[position % k] = constant[position % k] | (compact[j] & (step == position // k))
        m.d.comb += compact.eq(Array(compact_constants())[round_index])
        after_chi[0] = after_chi[0] ^ Cat(*constant)
        kept = [Mux(clearing, 0, Cat(current[5 * y : 5 * y + 5])) for y in range(5)]
        before_theta = [Mux(with_chi, after, plane) for after, plane in zip(after_chi, kept, strict=True)]
        a = named(m, "a", before_theta, 5 * k)

        parity = Signal(5 * k)
        last_parity = Signal(5)
        effect = Signal(5 * k)
        right = [parity.rotate_right(k)[x * k : (x + 1) * k] for x in range(5)]
        right_by_one = [Cat(last_parity[(x + 1) % 5], right[x])[:k] for x in range(5)]
        m.d.comb += [
            parity.eq(a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4]),
            effect.eq(Mux(with_theta, parity.rotate_left(k) ^ Cat(right_by_one), 0)),
        ]
        m.d.sync += last_parity.eq(parity[k - 1 :: k])

        # A word goes in and out of its lane through one shift register.
        shift = Signal(LANE_BITS)
        absorbed = [shift[:k] & (absorbing & (lane == i)).replicate(k) for i in range(LANES)]
        for y in range(5):
            plane = Signal(5 * k, name=f"new_plane_{y}")
            theta = a[y] ^ effect
            m.d.comb += plane.eq(Mux(with_chi, theta, theta ^ Cat(absorbed[5 * y : 5 * y + 5])))
            m.d.comb += [new[5 * y + x].eq(plane[x * k : (x + 1) * k]) for x in range(5)]
        m.d.comb += self.value.eq(shift)
        with m.If(self.ready & self.absorb):
            m.d.sync += shift.eq(self.word)
        with m.Elif(phase == _Phase.LANE):
            m.d.sync += shift.eq(Cat(shift[k:], _selected(current, lane)))

        with m.Switch(phase):
            with m.Case(_Phase.LANE):
                m.d.sync += step.eq(step + 1)
                with m.If(at_end):
                    m.d.sync += [step.eq(0), phase.eq(_Phase.IDLE)]
            with m.Case(_Phase.PASS):
                m.d.sync += step.eq(step + 1)
                with m.If(at_end):
                    m.d.sync += [step.eq(0), writes.eq(1)]
                with m.If(at_end & writes):
                    m.d.sync += phase.eq(Mux(with_theta, _Phase.TURN, _Phase.IDLE))
            with m.Case(_Phase.TURN):
                m.d.sync += [
                    phase.eq(_Phase.PASS),
                    step.eq(words - 2),
                    writes.eq(0),
                    with_chi.eq(1),
                    round_index.eq(round_index + with_chi),
                ]

        with m.If(self.ready):
            transfers = self.clear | self.absorb | self.read
            m.d.sync += [
                clearing.eq(self.clear),
                absorbing.eq(self.absorb & ~self.clear),
                reading.eq(self.read & ~self.absorb & ~self.clear),
                lane.eq(self.lane),
                with_chi.eq(0),
                writes.eq(0),
                round_index.eq(Mux(self.rounds_24, 0, ROUNDS // 2)),
            ]
            with m.If(transfers):
                m.d.sync += phase.eq(_Phase.LANE)
            with m.Elif(self.start):
                m.d.sync += phase.eq(_Phase.PASS)
        return m
