"""Parts of the GEMM unit by themselves: systolic array, operand buffer, rounding."""

import random

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.accel.panels import PanelBuffer
from rtl.accel.rounding import round_shift, saturate
from rtl.accel.systolic import SystolicArray
from sim.golden import arithmetic
from sim.rtl.block import VerilatedBlock


@pytest.mark.parametrize("rows, columns", ((8, 8), (2, 4)))
def test_products_leave_the_array_when_it_says(rows, columns):
    """Back to back and with gaps; element (i, j) changes i + j + 3 cycles after the last input."""
    block = VerilatedBlock(SystolicArray(rows, columns), f"systolic_{rows}x{columns}", cycle_limit=100_000)
    source = np.random.default_rng(rows)
    due: list[tuple[int, int, int, int]] = []
    cycle = 0

    def check() -> None:
        for at, i, j, value in due:
            if at == cycle:
                assert block.get(f"sums__{i}__{j}") == value

    for product, k in enumerate((16, 17, 40, 256, 16)):
        low = -128 if product % 2 else 127
        a, b = (
            source.integers(-128, 128, (k, side)) if product != 3 else np.full((k, side), low)
            for side in (rows, columns)
        )
        sums = a.T @ b
        for index in range(k):
            while source.random() < 0.2 * (product == 2):
                block.set("valid", 0)
                block.step()
                cycle += 1
            block.set_all(
                {
                    "valid": 1,
                    "first": index == 0,
                    "last": index == k - 1,
                    **{f"a__{row}": int(value) for row, value in enumerate(a[index])},
                    **{f"b__{column}": int(value) for column, value in enumerate(b[index])},
                }
            )
            if index == k - 1:
                due += [(cycle + i + j + 3, i, j, int(sums[i, j])) for i in range(rows) for j in range(columns)]
            block.step()
            cycle += 1
            check()
    block.set("valid", 0)
    for _ in range(rows + columns + 3):
        block.step()
        cycle += 1
        check()
    assert max(at for at, *_ in due) <= cycle


def test_panels_take_words_along_either_dimension():
    slots = 64
    block = VerilatedBlock(PanelBuffer(slots), cycle_limit=100_000)
    source = random.Random(1)
    lanes = [[0] * slots for _ in range(8)]
    for _ in range(2000):
        word = source.randbytes(8)
        across = source.random() < 0.5
        slot, lane = source.randrange(slots), source.randrange(8)
        if across:
            slot &= ~7
            for index, byte in enumerate(word):
                lanes[lane][slot + index] = byte
        else:
            for index, byte in enumerate(word):
                lanes[index][slot] = byte
        block.set_all(
            {"write": 1, "w_across": across, "w_slot": slot, "w_lane": lane, "w_data": int.from_bytes(word, "little")}
        )
        block.step()
        block.set("write", 0)
        read = source.randrange(slots)
        block.set("r_slot", read)
        block.step()
        assert block.get("r_data").to_bytes(8, "little") == bytes(lanes[index][read] for index in range(8))


class Rounding(wiring.Component):
    """round_shift and saturate as a block."""

    value: In(signed(32))
    shift: In(5)
    rounded: Out(signed(32))
    int16: Out(signed(16))
    int8: Out(signed(8))

    def elaborate(self, platform):
        m = Module()
        clocked = Signal()
        m.d.sync += clocked.eq(~clocked)
        m.d.comb += [
            self.rounded.eq(round_shift(self.value, self.shift)),
            self.int16.eq(saturate(self.value, 16)),
            self.int8.eq(saturate(self.value, 8)),
        ]
        return m


def test_rounding_and_saturation():
    block = VerilatedBlock(Rounding(), cycle_limit=10**6)
    source = random.Random(2)
    edges = [0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, (1 << 31) - 1, -(1 << 31)]
    for shift in range(32):
        ties = [((2 * source.randrange(-50, 50) + 1) << shift) >> 1 for _ in range(20)]
        near = [tie + off for tie in ties for off in (-1, 1)]
        others = [source.randrange(-(1 << 31), 1 << 31) for _ in range(40)]
        representable = [value for value in (*edges, *ties, *near, *others) if -(1 << 31) <= value < 1 << 31]
        values = np.array(representable, np.int64)
        expected = arithmetic.round_shift(values, shift)
        for value, rounded in zip(values, expected, strict=True):
            block.set_all({"value": int(value), "shift": shift})
            assert block.get("rounded") == rounded
            assert block.get("int16") == arithmetic.saturate(value, 16)
            assert block.get("int8") == arithmetic.saturate(value, 8)
