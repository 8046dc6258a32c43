"""The epilogue by itself against the golden GEMM, with sums of the test's choice."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from formats.descriptor import TILE, AcceleratorError, Descriptor, Flag, Opcode, Operand, Run
from rtl.accel.epilogue import Epilogue
from rtl.accel.product import RESULT_ROW
from sim.golden import gemm as golden
from sim.golden.arithmetic import round_shift
from sim.golden.image import matrix
from sim.golden.operands import refusal
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

WORDS = 8192
IMAGE = 8 * WORDS
LIMIT = 1 << 22
"""Largest magnitude of a sum."""

STORES = [Flag.ADD * add | Flag.RELU * relu | Flag.MASK * mask for add, relu, mask in product((0, 1), repeat=3)]
MOMENTUM = Flag.UPDATE | Flag.MOMENTUM
MODES = (*STORES, Flag.WIDE, Flag.UPDATE, MOMENTUM)
ACCESSES = {
    Flag(0): 1, Flag.ADD: 2, Flag.MASK: 2, Flag.ADD | Flag.MASK: 3, Flag.WIDE: 4, Flag.UPDATE: 5, MOMENTUM: 9,
}  # fmt: skip
"""Of a row of eight, by mode; RELU costs none."""


@cache
def unit() -> VerilatedBlock:
    return VerilatedBlock(Epilogue(WORDS), cycle_limit=10**7)


def rows_of(sums: np.ndarray, height: int) -> Iterator[int]:
    """The sums as RESULT_ROWs in the order of rtl/accel/tiling.py, `height` tiles to a band."""
    m, n = sums.shape
    for band, column in product(range(0, m, TILE * height), range(0, n, TILE)):
        end = min(band + TILE * height, m)
        for row in range(band, end):
            lanes = [int(value) for value in sums[row, column : column + TILE]]
            last = row == m - 1 and column == n - TILE
            fields = {"sums": lanes, "column": column, "block_start": row == band, "last": last}
            yield RESULT_ROW.const(fields).as_bits()


def described(m: int, n: int, flags: Flag, gaps: tuple[int, int, int] = (0, 0, 0), **fields) -> Descriptor:
    """A GEMM whose C, D and E lie behind one another, with gaps between the rows of each."""
    wide, update = 4 if flags & Flag.WIDE else 1, 2 if flags & Flag.UPDATE else 1
    at, operands = 1024, {}
    for name, width, gap in zip("cde", (wide * n, update * n, update * n), gaps, strict=True):
        operands[name] = Operand(at, width + gap)
        at += m * (width + gap)
    return Descriptor(Opcode.GEMM, m, n, TILE, flags=flags, **{**operands, **fields})


def expected(monkeypatch, descriptor: Descriptor, image: bytes, sums: np.ndarray) -> bytes:
    """The golden model's image, if these were the sums."""
    assert refusal(descriptor, 0, len(image), Run(1)) is AcceleratorError.NONE
    assert sums.shape == (descriptor.m, descriptor.n) and np.abs(sums).max() <= LIMIT
    result = np.frombuffer(image, np.uint8).copy()
    with monkeypatch.context() as patch:
        patch.setattr(golden, "product", lambda a, b: sums.astype(np.int32))
        golden.gemm(result, descriptor)
    return result.tobytes()


def execute(
    descriptor: Descriptor, image: bytes, sums: np.ndarray, height: int = 4, stall: float = 0.0, gap: float = 0.0
) -> tuple[bytes, int, int]:
    """Image in the cycle of `done`; cycles, those of start and done included; accesses.

    stall, gap: probabilities that memory is not ready, and that no row follows at once.
    """
    block, source = unit(), random.Random(2)
    memory = MemoryModel(block, image, stall=stall, seed=1)
    rows, offered = rows_of(sums, height), 0
    pending = next(rows)
    block.set_all({"start": 1, "descriptor": int.from_bytes(descriptor.encode(), "little"), "rows__valid": 0})
    memory.step()
    block.set("start", 0)
    cycles, done = 1, 0
    while not done:
        assert cycles < 100_000
        cycles += 1
        offered = pending is not None and (offered or source.random() >= gap)
        block.set_all(
            {"rows__valid": offered, "rows__payload": pending if offered else source.getrandbits(RESULT_ROW.size)}
        )
        done, taken = block.get("done"), offered and block.get("rows__ready")
        result, accesses = bytes(memory.image), memory.accesses
        memory.step()
        if taken:
            pending, offered = next(rows, None), 0
    assert pending is None
    block.set("rows__valid", 0)
    for _ in range(3):
        assert not block.get("done") and not block.get("memory__valid")
        memory.step()
    return result, cycles, accesses


def check(monkeypatch, descriptor: Descriptor, image: bytes, sums: np.ndarray, **options) -> None:
    result, _, accesses = execute(descriptor, image, sums, **options)
    assert result == expected(monkeypatch, descriptor, image, sums)
    assert accesses == sums.size // TILE * ACCESSES[Flag(descriptor.flags) & ~Flag.RELU]


def noise(seed: object, size: int = IMAGE) -> bytes:
    return random.Random(repr(seed)).randbytes(size)


def random_sums(source: np.random.Generator, m: int, n: int, shift: int) -> np.ndarray:
    """Of all magnitudes, with ties of the shift and the extremes among them."""
    sums = source.integers(-LIMIT, LIMIT + 1, (m, n)) >> source.integers(0, 23, (m, n))
    half = (1 << shift) >> 1
    ties = np.clip(source.integers(-130, 131, (m, n)) * 2 * half + half, -LIMIT, LIMIT)
    kind = source.integers(0, 8, (m, n))
    return np.select([kind < 4, kind == 4, kind == 5], [sums, -LIMIT, LIMIT], ties)


@pytest.mark.parametrize("flags", MODES, ids=repr)
@pytest.mark.parametrize("stall, gap", ((0, 0), (0.3, 0), (0, 0.5), (0.4, 0.4), (0.8, 0.1)))
def test_random_rows(monkeypatch, flags, stall, gap):
    source = np.random.default_rng([int(flags), int(10 * stall), int(10 * gap)])
    for height in (1, 2, 4):
        m, n, shift = 8 * int(source.integers(1, 6)), 8 * int(source.integers(1, 5)), int(source.integers(0, 16))
        gaps = tuple(8 * int(each) for each in source.integers(0, 5, 3))
        decay, rate = (int(each) for each in source.integers(0, 16, 2))
        descriptor = described(m, n, flags, gaps, shift=shift, decay=decay, rate=rate)
        sums = random_sums(source, m, n, shift)
        check(monkeypatch, descriptor, noise(height), sums, height=height, stall=stall, gap=gap)


@pytest.mark.parametrize("shift", range(32))
def test_every_shift(monkeypatch, shift):
    source = np.random.default_rng(shift)
    for flags in (Flag(0), Flag.ADD, Flag.UPDATE, MOMENTUM):
        descriptor = described(8, 16, flags, shift=shift, decay=shift % 16, rate=(shift + 5) % 16)
        check(monkeypatch, descriptor, noise(shift), random_sums(source, 8, 16, shift))


@pytest.mark.parametrize("flags", STORES, ids=repr)
@pytest.mark.parametrize("shift", (0, 1, 6, 13))
def test_edges_of_a_store(monkeypatch, flags, shift):
    """Sums before saturation a step inside and outside of each end, at zero, and a tie above them."""
    m, n = 40, 16
    descriptor, source = described(m, n, flags, shift=shift), np.random.default_rng(shift)
    image = np.frombuffer(noise(flags), np.uint8).copy()
    matrix(image, descriptor.e, m, n)[:] = source.choice([-128, -1, 0, 1, 127], (m, n))
    addend = matrix(image, descriptor.d, m, n).astype(np.int64) * bool(flags & Flag.ADD)
    target = source.choice([126, 127, 128, 129, -127, -128, -129, -130, -1, 0, 1], (m, n))
    sums = ((target - addend) << shift) + source.choice([0, 0, (1 << shift) >> 1], (m, n))
    before = round_shift(sums, shift) + addend
    assert {127, 128, 129, -128, -129, -1, 0, 1} <= set(before.ravel().tolist())
    check(monkeypatch, descriptor, image.tobytes(), sums, stall=0.2)


SHORT_ENDS = (32766, 32767, 32768, 32769, -32767, -32768, -32769, -32770)
COPY_TIES = tuple(256 * high + 128 + off for high in (-129, -128, -2, -1, 0, 1, 126, 127) for off in (-1, 0, 1))
"""Master weights at and beside what lies halfway between two int8 weights; the last ones are beyond 127."""


def test_edges_of_an_update(monkeypatch):
    """New masters at both ends of int16, and at every kind of tie of their int8 copies."""
    m, n, shift = 64, 16, 5
    descriptor, source = described(m, n, Flag.UPDATE, shift=shift), np.random.default_rng(1)
    image = np.frombuffer(noise(1), np.uint8).copy()
    master = matrix(image, descriptor.d, m, n, np.int16).astype(np.int64)
    sums = (master - source.choice(SHORT_ENDS + COPY_TIES, (m, n))) << shift
    sums += source.choice([0, 0, -16, 16], (m, n))
    after = set((master - round_shift(sums, shift)).ravel().tolist())
    assert after >= {*SHORT_ENDS, *COPY_TIES}
    check(monkeypatch, descriptor, image.tobytes(), sums, stall=0.2)


@pytest.mark.parametrize("decay, rate", list(product((0, 1, 3, 15), (0, 1, 4))))
def test_edges_of_momentum(monkeypatch, decay, rate):
    """New velocities at both ends of int16 in half of the elements; new masters there in the others."""
    m, n, shift = 40, 16, 4
    descriptor, source = described(m, n, MOMENTUM, shift=shift, decay=decay, rate=rate), np.random.default_rng(decay)
    image = np.frombuffer(noise((decay, rate)), np.uint8).copy()
    master, velocity = (matrix(image, operand, m, n, np.int16) for operand in (descriptor.d, descriptor.e))
    wanted = np.where(
        source.random((m, n)) < 0.5, source.choice(SHORT_ENDS, (m, n)), source.integers(-9999, 9999, (m, n))
    )
    old = velocity.astype(np.int64)
    kept = old - round_shift(old, decay)
    sums = (wanted - kept) << shift
    fresh = np.clip(kept + round_shift(sums, shift), -32768, 32767)
    moved = source.choice(SHORT_ENDS, (m, n)) + round_shift(fresh, rate)
    master[:] = np.where(np.abs(moved) < 32768, moved, master)
    assert {32767, 32768, -32768, -32769} <= set((kept + round_shift(sums, shift)).ravel().tolist())
    assert {32767, 32768, -32768, -32769} <= set((master - round_shift(fresh, rate)).ravel().tolist())
    check(monkeypatch, descriptor, image.tobytes(), sums, stall=0.2)


@pytest.mark.parametrize("height", (1, 4))
@pytest.mark.parametrize("stall", (0, 0.4))
def test_in_place_and_broadcast(monkeypatch, height, stall):
    """C is D, E or both; D and E repeat one row, or are each other."""
    m, n, source = 40, 32, np.random.default_rng(height)
    for flags, places in (
        (Flag.ADD | Flag.RELU, {"d": "c"}),
        (Flag.MASK, {"e": "c"}),
        (Flag.ADD | Flag.MASK, {"d": "c"}),
        (Flag.ADD | Flag.MASK, {"e": "c"}),
        (Flag.ADD | Flag.MASK, {"d": "c", "e": "c"}),
        (Flag.ADD | Flag.MASK, {"e": "d"}),
        (Flag.ADD | Flag.RELU, {"d": None}),
        (Flag.MASK, {"e": None}),
        (Flag.ADD | Flag.MASK, {"d": None, "e": "c"}),
    ):
        descriptor = described(m, n, flags, (24, 0, 8), shift=9)
        operands = {
            name: getattr(descriptor, place) if place else Operand(getattr(descriptor, name).address, 0)
            for name, place in places.items()
        }
        sums = random_sums(source, m, n, 9)
        options = {"height": height, "stall": stall, "gap": stall / 2}
        check(monkeypatch, replace(descriptor, **operands), noise(places), sums, **options)


def test_one_after_another_leaves_nothing_behind(monkeypatch):
    """The next start is in the cycles right after `done`, with another mode, shape and place."""
    source = np.random.default_rng(8)
    for index, flags in enumerate(source.permutation([int(mode) for mode in MODES] * 3)):
        m, n = (8 * int(each) for each in source.integers(1, 4, 2))
        at = {
            name: Operand(1024 + 8 * int(source.integers(64)) + 9000 * place, 4 * n)
            for place, name in enumerate("cde")
        }
        descriptor = described(m, n, Flag(int(flags)), shift=7, decay=3, rate=2, **at)
        sums = random_sums(source, m, n, 7)
        check(monkeypatch, descriptor, noise(index), sums, height=(1, 2, 4)[index % 3], stall=0.3 * (index % 2))


@pytest.mark.parametrize("flags", MODES, ids=repr)
@pytest.mark.parametrize("m, n, height", ((64, 8, 4), (8, 64, 1), (32, 16, 2)))
def test_cycles_of_64_rows(monkeypatch, flags, m, n, height):
    """No cycle without an access, from row to row or block to block; one each to start, take a row and be done."""
    sums = random_sums(np.random.default_rng(4), m, n, 7)
    descriptor = described(m, n, flags, shift=7, decay=3, rate=4)
    result, cycles, accesses = execute(descriptor, noise(4), sums, height=height)
    assert result == expected(monkeypatch, descriptor, noise(4), sums)
    assert (cycles, accesses) == (3 + 64 * ACCESSES[flags & ~Flag.RELU], 64 * ACCESSES[flags & ~Flag.RELU])
