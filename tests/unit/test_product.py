"""The matrix product by itself: its rows, their order and tags, back-pressure, and what the array does meanwhile."""

import random
from functools import cache

import numpy as np
import pytest

from formats.descriptor import MAX_K, TILE, Descriptor, Flag, Opcode, Operand
from rtl.accel.product import RESULT_ROW, ROW_BUFFER, MatrixProduct
from sim.golden.gemm import product
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

WORDS = 8192
ARRAYS = ((8, 8, 2048), (2, 4, 512))
LIMIT = 400_000


@cache
def unit(rows: int, columns: int, slots: int) -> VerilatedBlock:
    return VerilatedBlock(MatrixProduct(WORDS, rows, columns, slots), f"product_{rows}x{columns}", cycle_limit=10**7)


def described(m: int, n: int, k: int, flags: int = 0, gaps: tuple[int, int] = (0, 0)) -> Descriptor:
    """A in the lower half of memory, B in the upper, `gaps` bytes between the rows of each."""
    width_a = m if flags & Flag.TRANSPOSE_A else k
    width_b = k if flags & Flag.TRANSPOSE_B else n
    a, b = Operand(8, width_a + gaps[0]), Operand(4 * WORDS + 16, width_b + gaps[1])
    return Descriptor(Opcode.GEMM, m, n, k, flags=flags, a=a, b=b)


def matrix(image: bytes, operand: Operand, rows: int, columns: int) -> np.ndarray:
    starts = [operand.address + row * operand.stride for row in range(rows)]
    return np.array([np.frombuffer(image, np.int8, columns, start) for start in starts])


def expected(image: bytes, descriptor: Descriptor, slots: int) -> list[tuple[list[int], int, int, int]]:
    """Sums, column, block_start and last of each row, in the order that tiling.py promises."""
    m, n, k, flags = descriptor.m, descriptor.n, descriptor.k, descriptor.flags
    transposed_a, transposed_b = flags & Flag.TRANSPOSE_A, flags & Flag.TRANSPOSE_B
    a = matrix(image, descriptor.a, k, m).T if transposed_a else matrix(image, descriptor.a, m, k)
    b = matrix(image, descriptor.b, n, k).T if transposed_b else matrix(image, descriptor.b, k, n)
    sums = product(a, b)
    band = TILE * next(height for height in (4, 2, 1) if height * k <= slots // 2)
    order = [
        (row, column, row == top)
        for top in range(0, m, band)
        for column in range(0, n, TILE)
        for row in range(top, min(top + band, m))
    ]
    return [
        (sums[row, column : column + TILE].tolist(), column, int(begins), int((row, column) == (m - 1, n - TILE)))
        for row, column, begins in order
    ]


class Bench:
    """A product in progress: a memory that stalls, and a consumer that takes rows when it likes."""

    def __init__(self, array: tuple[int, int, int], descriptor: Descriptor, image: bytes, stall: float = 0.0):
        self.block = unit(*array)
        self.memory = MemoryModel(self.block, image, stall=stall, seed=2)
        self.full_step = array[0] * array[1]
        self.taken: list[tuple[list[int], int, int, int]] = []
        self.macs: list[int] = []
        self._offered: int | None = None
        self.block.set("descriptor", int.from_bytes(descriptor.encode(), "little"))
        self.block.set("start", 1)
        self.step(False)
        self.block.set("start", 0)

    def step(self, ready: bool) -> None:
        block = self.block
        block.set("results__ready", ready)
        valid, payload = block.get("results__valid"), block.get("results__payload")
        if self._offered is not None:
            assert (valid, payload) == (1, self._offered), "a row changed before it was taken"
        self._offered = payload if valid and not ready else None
        if valid and ready:
            row = RESULT_ROW.from_bits(payload)
            self.taken.append(([int(each) for each in row.sums], row.column, row.block_start, row.last))
        self.macs.append(block.get("macs"))
        self.memory.step()

    def finish(self, source: random.Random, reluctance: float) -> None:
        """Takes rows until the last, each cycle but with this probability, and sees that nothing comes after it."""
        while not (self.taken and self.taken[-1][3]):
            assert len(self.macs) < LIMIT
            self.step(source.random() >= reluctance)
        accesses = self.memory.accesses
        for _ in range(40):
            self.step(True)
            assert not self.macs[-1]
        assert self.memory.accesses == accesses and not self.memory.writes


def check(array, descriptor, image, stall=0.0, reluctance=0.0, source=None) -> Bench:
    bench = Bench(array, descriptor, image, stall)
    bench.finish(source or random.Random(0), reluctance)
    assert bench.taken == expected(image, descriptor, array[2])
    assert set(bench.macs) == {0, bench.full_step}
    assert sum(bench.macs) == descriptor.m * descriptor.n * descriptor.k
    return bench


def noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(8 * WORDS)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("form", range(4))
def test_every_form_with_stalls_on_both_sides(array, form):
    source = random.Random(repr((array, form)))
    for stall, reluctance in ((0.0, 0.0), (0.5, 0.1), (0.1, 0.9), (0.6, 0.6)):
        m, n, k = (8 * source.randint(1, most) for most in (8, 8, 8))
        gaps = 8 * source.randint(0, 4), 8 * source.randint(0, 4)
        check(array, described(m, n, k, form, gaps), noise(form), stall, reluctance, source)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("k", (8, 64, 72, 128, 136, MAX_K))
def test_every_height_of_a_band(array, k):
    check(array, described(40, 16, k, Flag.TRANSPOSE_A), noise(k), 0.2, 0.2)


@pytest.mark.parametrize("array", ARRAYS)
def test_bands_of_a_single_block(array):
    """With n = 8 a band needs one panel of B only: nothing but A's own halves holds the loader back."""
    for form in range(4):
        check(array, described(96, 8, MAX_K, form), noise(form), 0.0, 0.9)


@pytest.mark.parametrize("array", ARRAYS)
def test_the_largest_sum(array):
    """256 times -128 x -128, which is 2**22, and the least, of -128 x 127."""
    for second, value in ((0x80, 1 << 22), (0x7F, -128 * 127 * MAX_K)):
        image = b"\x80" * (4 * WORDS) + bytes([second]) * (4 * WORDS)
        bench = check(array, described(8, 16, MAX_K, Flag.TRANSPOSE_B), image)
        assert {each for sums, *_ in bench.taken for each in sums} == {value}


@pytest.mark.parametrize("array", ARRAYS)
def test_an_array_whose_rows_nobody_takes_stops_between_tiles(array):
    """It fills the room for rows, then holds; what it has, and what follows, is as if it had never waited."""
    descriptor, image = described(64, 64, 16), noise(4)
    bench = Bench(array, descriptor, image)
    for _ in range(3000):
        bench.step(False)
    assert sum(bench.macs) == ROW_BUFFER * TILE * descriptor.k
    assert not any(bench.macs[-500:])
    assert bench.block.get("crowded")
    for _ in range(ROW_BUFFER // 2):
        bench.step(True)
    bench.finish(random.Random(1), 0.3)
    assert bench.taken == expected(image, descriptor, array[2])
    assert not bench.block.get("crowded")


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("form", range(4))
def test_tiles_follow_without_a_gap(array, form):
    """With the memory to itself, the array waits for its first two panels, and for nothing after them."""
    bench = check(array, described(64, 64, 64, form), noise(6))
    steps = [cycle for cycle, macs in enumerate(bench.macs) if macs]
    assert steps[0] == 2 * 64 + 2
    assert steps[-1] - steps[0] + 1 == len(steps) == 64**3 // bench.full_step


def test_nothing_of_an_earlier_product_is_used():
    source = random.Random(8)
    for index in range(10):
        shape = [8 * source.randint(1, 7) for _ in range(3)]
        check(ARRAYS[index % 2], described(*shape, source.randrange(4)), noise(index), 0.1, 0.2, source)
