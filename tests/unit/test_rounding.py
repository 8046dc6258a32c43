"""Rounding and saturation at the widths of weights and velocities; test_accel_blocks.py has those of sums."""

import random

import numpy as np
from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.accel.rounding import round_shift, saturate
from sim.golden import arithmetic
from sim.rtl.block import VerilatedBlock

SHIFTS = 16
SATURATED = ((17, 16), (34, 16), (33, 8), (9, 8), (8, 8), (8, 16))
"""Widths before and after."""


class ShortRounding(wiring.Component):
    """An int16 by every shift at once, constant and variable, and saturation between the widths of SATURATED."""

    def __init__(self):
        results = {f"saturated_{before}_{after}": Out(signed(after)) for before, after in SATURATED}
        super().__init__(
            {
                "value": In(signed(16)),
                "offset": In(4),
                "constant": Out(16 * SHIFTS),
                "variable": Out(signed(16)),
                "wide": In(signed(34)),
                **results,
            }
        )

    def elaborate(self, platform):
        m = Module()
        clocked = Signal()
        m.d.sync += clocked.eq(~clocked)
        m.d.comb += [
            self.constant.eq(Cat(round_shift(self.value, shift) for shift in range(SHIFTS))),
            self.variable.eq(round_shift(self.value, self.offset)),
        ]
        for before, after in SATURATED:
            result = getattr(self, f"saturated_{before}_{after}")
            m.d.comb += result.eq(saturate(self.wide[:before].as_signed(), after))
        return m


def test_every_int16_by_every_shift():
    """All 65536 by constants; by a variable, each with one shift in turn, so that all shifts see every residue."""
    block = VerilatedBlock(ShortRounding(), cycle_limit=10**6)
    values = np.arange(-(1 << 15), 1 << 15)
    offsets = (values * 5 >> 2) % SHIFTS
    expected = np.stack([arithmetic.round_shift(values, shift) for shift in range(SHIFTS)], axis=1)
    inputs = {"value": values.tolist(), "offset": offsets.tolist()}
    outputs = block.run(inputs, ["constant", "variable"])
    for index, packed in enumerate(outputs["constant"]):
        assert packed.to_bytes(2 * SHIFTS, "little") == expected[index].astype("<i2").tobytes()
    chosen = expected[np.arange(len(values)), offsets]
    assert outputs["variable"] == chosen.tolist()


def test_saturation_at_every_width():
    block = VerilatedBlock(ShortRounding(), cycle_limit=10**6)
    source = random.Random(3)
    ends = [sign * (1 << bits) + off for bits in range(34) for sign in (-1, 1) for off in (-2, -1, 0, 1)]
    values = [value for value in ends if -(1 << 33) <= value < 1 << 33]
    values += [source.randrange(-(1 << 33), 1 << 33) >> source.randrange(34) for _ in range(2000)]
    outputs = block.run({"wide": values}, [f"saturated_{before}_{after}" for before, after in SATURATED])
    for before, after in SATURATED:
        narrowed = [((value + (1 << before - 1)) & ((1 << before) - 1)) - (1 << before - 1) for value in values]
        expected = arithmetic.saturate(np.array(narrowed), after)
        assert outputs[f"saturated_{before}_{after}"] == expected.tolist()
