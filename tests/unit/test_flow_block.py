"""A block by itself: its area without the registers around it, which let everything through; and sizes of blocks."""

from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from boards.flow.block import RegisteredBlock, measure
from boards.flow.family import Family
from boards.flow.largest import largest_blocks
from boards.flow.resources import count
from boards.flow.rtlil import design
from boards.flow.synthesis import cells_by_module

DEVICES = {Family.ECP5: ("25k", "CABGA256", "6"), Family.ICE40: ("up5k", "sg48", "")}
REGISTERS_AROUND = {Family.ECP5: ("TRELLIS_FF", 16 + 2 * 17), Family.ICE40: ("ICESTORM_LC", 16 + 2 * 17)}
"""One at each of 16 inputs, two at each of 17 outputs."""
IN_BITS, OUT_BITS = 16, 17
CYCLE_LIMIT = 100


class SumAndProduct(wiring.Component):
    """Sum and bit-wise product of two bytes, a cycle later."""

    a: In(8)
    b: In(8)
    sum: Out(9)
    product: Out(8)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += [self.sum.eq(self.a + self.b), self.product.eq(self.a & self.b)]
        return m


class Two(wiring.Component):
    """A small block beside a large one, in a module of nothing else."""

    a: In(8)
    out: Out(26)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = Module()
        inner.submodules.small = small = SumAndProduct()
        inner.submodules.large = large = RegisteredBlock(SumAndProduct())
        m.d.comb += [
            small.a.eq(self.a),
            small.b.eq(~self.a),
            large.serial_in.eq(self.a[0]),
            large.capture.eq(self.a[1]),
        ]
        m.d.comb += self.out.eq(small.sum | small.product << 9 | large.serial_out << 17)
        return m


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_area_is_the_blocks_alone(family: Family, tmp_path: Path) -> None:
    found = measure(SumAndProduct, "block", family, *DEVICES[family], 20, tmp_path)
    name, around = REGISTERS_AROUND[family]
    assert found.area["ff"] == OUT_BITS
    assert IN_BITS <= found.area["lut"] <= 20
    assert (found.area["bram"], found.area["dsp"]) == (0, 0)
    assert found.placement.usage[name].used >= OUT_BITS + around
    assert found.placement.is_met and found.mhz > 20


def test_bits_pass_in_the_order_of_the_ports() -> None:
    """The first bit in becomes the highest of the last input; the first bit out is the highest of the last output."""
    dut = RegisteredBlock(SumAndProduct())
    a, b = 200, 77
    word, seen = b << 8 | a, []

    async def bench(context) -> None:
        for bit in reversed(range(IN_BITS)):
            context.set(dut.serial_in, word >> bit & 1)
            await context.tick()
        # One edge into the block's registers, one into those behind it.
        await context.tick().repeat(2)
        context.set(dut.capture, 1)
        await context.tick()
        context.set(dut.capture, 0)
        for _ in range(OUT_BITS):
            seen.append(context.get(dut.serial_out))
            await context.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run_until(CYCLE_LIMIT * 1e-6)
    assert int("".join(map(str, seen)), 2) == (a & b) << 9 | a + b


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_the_largest_block_is_named_where_the_design_parts(family: Family, tmp_path: Path) -> None:
    modules = cells_by_module(design(Two(), "two"), family, tmp_path)
    assert count(modules["two.inner.small"], family)["ff"] == OUT_BITS
    ((first, most), (second, less)) = largest_blocks(modules, "two", family, "ff")
    assert (first, second, less) == ("large", "small", OUT_BITS)
    assert most == count(modules["two.inner.large"], family)["ff"] == REGISTERS_AROUND[family][1] + OUT_BITS
    assert count(modules["two"], family)["ff"] == most + less
    assert largest_blocks(modules, "two", family, "dsp") == []


def test_resources_of_cells() -> None:
    ecp5 = {"LUT4": 10, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 7, "DP16KD": 4, "MULT18X18D": 5, "EHXPLLL": 1}
    assert count(ecp5, Family.ECP5) == {"lut": 24, "ff": 7, "bram": 4, "dsp": 5}
    ice40 = {
        "SB_LUT4": 9,
        "SB_CARRY": 4,
        "SB_DFF": 1,
        "SB_DFFESR": 2,
        "SB_RAM40_4K": 3,
        "SB_SPRAM256KA": 4,
        "SB_MAC16": 6,
    }
    assert count(ice40, Family.ICE40) == {"lut": 9, "ff": 3, "bram": 3, "dsp": 6, "spram": 4}
