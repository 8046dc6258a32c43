"""The GEMM unit against the golden model, on whole memory images."""

import random
from functools import cache

import numpy as np
import pytest

from formats.descriptor import MAX_K, AcceleratorError, Descriptor, Flag, Opcode, Operand, Run
from rtl.accel.gemm import GemmUnit
from sim.golden.accelerator import execute
from sim.golden.operands import refusal
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

WORDS = 8192
ARRAYS = ((8, 8, 2048), (2, 4, 512))
EPILOGUES = (
    Flag(0),
    Flag.ADD | Flag.RELU,
    Flag.MASK,
    Flag.ADD | Flag.MASK | Flag.RELU,
    Flag.WIDE,
    Flag.UPDATE,
    Flag.UPDATE | Flag.MOMENTUM,
)


@cache
def unit(rows: int, columns: int, slots: int) -> VerilatedBlock:
    return VerilatedBlock(GemmUnit(WORDS, rows, columns, slots), f"gemm_{rows}x{columns}", cycle_limit=10**7)


def run(array: tuple[int, int, int], descriptor: Descriptor, image: bytes, stall: float = 0.0) -> tuple[int, int]:
    """Cycles and accesses of a descriptor whose memory image comes out as the golden model's."""
    assert refusal(descriptor, 0, len(image), Run(1)) is AcceleratorError.NONE
    memory = MemoryModel(unit(*array), image, stall=stall, seed=1)
    cycles = memory.run(descriptor.encode())
    assert memory.image == execute(image, descriptor)
    return cycles, memory.accesses


def noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(8 * WORDS)


def gemm(m: int, n: int, k: int, flags: int = 0, gap: int = 0, **fields) -> Descriptor:
    """Operands one after another, with `gap` bytes between the rows of each."""
    widths = {
        "a": (k, m) if flags & Flag.TRANSPOSE_A else (m, k),
        "b": (n, k) if flags & Flag.TRANSPOSE_B else (k, n),
        "c": (m, 4 * n if flags & Flag.WIDE else n),
        "d": (m, 2 * n if flags & Flag.UPDATE else n),
        "e": (m, 2 * n if flags & Flag.UPDATE else n),
    }
    at, operands = 0, {}
    for name, (rows, width) in widths.items():
        operands[name] = Operand(at, width + gap)
        at += rows * (width + gap)
    return Descriptor(Opcode.GEMM, m, n, k, flags=flags, **{**operands, **fields})


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("epilogue", EPILOGUES)
def test_random_shapes(array, epilogue):
    source = random.Random(repr((array, epilogue)))
    for form in range(4):
        m, n, k = 8 * source.randint(1, 6), 8 * source.randint(1, 6), 8 * source.randint(1, 6)
        fields = {"shift": source.choice((0, 5, 8, 12)), "decay": source.randint(0, 5), "rate": source.randint(0, 5)}
        descriptor = gemm(m, n, k, epilogue | Flag(form), 8 * source.randint(0, 3), **fields)
        run(array, descriptor, noise(form), stall=source.choice((0, 0.1, 0.6)))


@pytest.mark.parametrize("array", ARRAYS)
def test_the_largest_k(array):
    for flags in (Flag(0), Flag.TRANSPOSE_A | Flag.TRANSPOSE_B):
        run(array, gemm(24, 16, MAX_K, flags | Flag.WIDE), noise(3))


@pytest.mark.parametrize("k", (8, 64, 72, 128, 136, 256))
def test_every_height_of_a_band(k):
    """Panels at the edges of what half a buffer holds; the last band is a partial one."""
    for array in ARRAYS:
        run(array, gemm(40, 24, k, Flag.TRANSPOSE_B, shift=7), noise(k), stall=0.2)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("epilogue", (Flag(0), Flag.UPDATE | Flag.MOMENTUM))
def test_bands_of_a_single_block(array, epilogue):
    """With n = 8 a band needs one panel of B only: nothing but A's own halves holds the loader back."""
    run(array, gemm(96, 8, MAX_K, epilogue, shift=9, decay=3, rate=2), noise(12), stall=0.2)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("value", (0x80, 0x7F, 0x00))
def test_extremes_of_operands(array, value):
    image = bytes([value]) * (8 * WORDS)
    for flags in EPILOGUES:
        run(array, gemm(8, 16, MAX_K, flags, shift=0), image)
        run(array, gemm(16, 8, MAX_K, flags, shift=16, decay=15, rate=15), image)


def test_ties_are_rounded_to_even():
    """Results are -32..31 before the shift: with a shift of 1 half of them are ties, with one of 2 a quarter."""
    image = bytearray(8 * WORDS)
    matrix = np.zeros((64, 8), np.int8)
    matrix[:, 0] = np.arange(64) - 32
    one = np.zeros((8, 8), np.int8)
    one[0] = 1
    for shift in (1, 2, 3):
        descriptor = gemm(64, 8, 8, shift=shift)
        image[descriptor.a.address : descriptor.b.address] = matrix.tobytes()
        image[descriptor.b.address : descriptor.c.address] = one.tobytes()
        run(ARRAYS[0], descriptor, bytes(image))


@pytest.mark.parametrize("shift", range(32))
def test_every_shift(shift):
    for flags in (Flag(0), Flag.UPDATE | Flag.MOMENTUM):
        descriptor = gemm(8, 8, MAX_K, flags, shift=shift, decay=shift % 16, rate=15 - shift % 16)
        run(ARRAYS[0], descriptor, noise(shift))


def test_in_place():
    for flags, fields in (
        (Flag.ADD, {"d": Operand(16384, 64)}),
        (Flag.MASK, {"e": Operand(16384, 64)}),
        (Flag.ADD | Flag.RELU, {"d": Operand(16384, 64)}),
    ):
        run(ARRAYS[0], gemm(32, 64, 24, flags, c=Operand(16384, 64), shift=8, **fields), noise(9), stall=0.3)


def test_a_bias_is_an_addend_with_stride_zero():
    run(ARRAYS[0], gemm(32, 64, 24, Flag.ADD | Flag.RELU, d=Operand(32768, 0), shift=8), noise(10), stall=0.3)


def test_both_operands_may_be_one():
    run(ARRAYS[0], gemm(32, 32, 32, Flag.TRANSPOSE_B, b=Operand(0, 32), shift=8), noise(11))


def test_one_after_another_leaves_nothing_behind():
    """A unit that was stopped by nothing but its end behaves as a fresh one, whatever came before."""
    source = random.Random(5)
    for index in range(12):
        flags = source.choice(EPILOGUES) | Flag(source.randrange(4))
        shape = (8 * source.randint(1, 9), 8 * source.randint(1, 4), 8 * source.randint(1, 12))
        run(ARRAYS[index % 2], gemm(*shape, flags, shift=9, decay=3, rate=2), noise(index))


def test_macs_are_counted():
    for array in ARRAYS:
        block, descriptor = unit(*array), gemm(24, 16, 40)
        memory, total = MemoryModel(block, noise(0), stall=0.4), 0
        block.set_all({"start": 1, "descriptor": int.from_bytes(descriptor.encode(), "little")})
        for _ in range(10_000):
            memory.step()
            block.set("start", 0)
            total += block.get("macs")
            if block.get("done"):
                break
        memory.step()
        assert total == 24 * 16 * 40


STEP = Flag.UPDATE | Flag.MOMENTUM | Flag.TRANSPOSE_A
CYCLES = {
    "64x64x64 store": (gemm(64, 64, 64, shift=7), 4257, 2048),
    "8x8x8 store": (gemm(8, 8, 8), 49, 24),
    "128x64x64 store": (gemm(128, 64, 64, shift=7), 8353, 4096),
    "128x16x64 store": (gemm(128, 16, 64, shift=7), 2209, 1792),
    "128x64x16 mask": (gemm(128, 64, 16, Flag.MASK | Flag.TRANSPOSE_B, shift=7), 2818, 2816),
    "64x64x128 update": (gemm(64, 64, 128, STEP, shift=7, decay=3, rate=4), 8834, 7680),
    "64x16x128 update": (gemm(64, 16, 128, STEP, shift=7, decay=3, rate=4), 2785, 2688),
}
"""Cycles and accesses of two cubes, and of the products in a training step of 128 rows, 64 - 64 - 16 wide."""


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_are_exact(name):
    descriptor, cycles, accesses = CYCLES[name]
    assert run(ARRAYS[0], descriptor, noise(0)) == (cycles, accesses)


def test_utilisation_of_a_64_cube():
    cycles, _ = run(ARRAYS[0], CYCLES["64x64x64 store"][0], noise(0))
    assert 64**3 / (64 * cycles) > 0.96
