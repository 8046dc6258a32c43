"""The LOSS unit against the golden model, on whole memory images; and its tables."""

import random
from fractions import Fraction
from functools import cache
from math import log2

import pytest

from formats.descriptor import AcceleratorError, Descriptor, Opcode, Operand, Run
from formats.softmax import LOGARITHMS, POWERS, RECIPROCALS
from rtl.accel.loss import LossUnit
from sim.golden.accelerator import execute
from sim.golden.operands import padded, refusal
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

WORDS = 4096
IMAGE = 8 * WORDS
LOGITS, LABELS, GRADIENTS, STATISTICS = 0, 10_001, 16384, IMAGE - 16


@cache
def unit(lanes: int) -> VerilatedBlock:
    return VerilatedBlock(LossUnit(WORDS, lanes), f"loss_{lanes}", cycle_limit=10**7)


def loss(
    m: int, n: int, shift: int = 3, *, gap: int = 0, label_stride: int = 1, in_place: bool = False
) -> Descriptor:
    stride = padded(n) + gap
    return Descriptor(
        Opcode.LOSS, m, n, shift=shift, a=Operand(LOGITS, stride), b=Operand(LABELS, label_stride),
        c=Operand(LOGITS if in_place else GRADIENTS, stride), d=Operand(STATISTICS),
    )  # fmt: skip


def image_for(descriptor: Descriptor, source: random.Random, values: list[int] | None = None) -> bytes:
    """Noise, labels of which one in n + 1 is no class, and logits from `values` if given."""
    image = bytearray(source.randbytes(IMAGE))
    if values is not None:
        image[:10_000] = bytes(source.choice(values) & 0xFF for _ in range(10_000))
    for row in range(descriptor.m):
        image[descriptor.b.address + row * descriptor.b.stride] = min(source.randrange(descriptor.n + 1), 255)
    return bytes(image)


def run(descriptor: Descriptor, image: bytes, lanes: int = 8, stall: float = 0.0) -> tuple[int, int]:
    assert refusal(descriptor, 0, IMAGE, Run(1)) is AcceleratorError.NONE
    memory = MemoryModel(unit(lanes), image, stall=stall, seed=3)
    cycles = memory.run(descriptor.encode())
    assert memory.image == execute(image, descriptor)
    return cycles, memory.accesses


@pytest.mark.parametrize("lanes", (8, 2))
@pytest.mark.parametrize("shift", range(5))
def test_random_rows(lanes, shift):
    source = random.Random(repr((lanes, shift)))
    for in_place in (False, True):
        n, gap = source.choice((1, 7, 8, 9, 10, 31, 32, 100)), 8 * source.randrange(3)
        descriptor = loss(
            source.randint(1, 40), n, shift, gap=gap, label_stride=source.choice((1, 3, 8)), in_place=in_place
        )
        run(descriptor, image_for(descriptor, source), lanes, source.choice((0, 0.5)))


@pytest.mark.parametrize(
    "values", ([-128], [127], [0], [-128, 127], [5, 5, 4], list(range(-8, 8))), ids=lambda values: str(values[:2])
)
def test_extremes_and_ties(values):
    source = random.Random(str(values))
    for n in (1, 10, 16, 255, 256):
        for shift in (0, 4):
            descriptor = loss(12, n, shift)
            run(descriptor, image_for(descriptor, source, values))


def test_every_label_and_no_class():
    source = random.Random(4)
    for label in (0, 7, 8, 9, 10, 255):
        descriptor = loss(3, 10)
        image = bytearray(image_for(descriptor, source))
        image[LABELS : LABELS + 3] = bytes([label] * 3)
        run(descriptor, bytes(image))


def test_statistics_wrap_around():
    descriptor = loss(9, 10)
    image = bytearray(image_for(descriptor, random.Random(6)))
    image[STATISTICS:] = b"\xff" * 16
    run(descriptor, bytes(image))


def test_many_rows():
    image = bytearray(random.Random(8).randbytes(IMAGE))
    descriptor = Descriptor(
        Opcode.LOSS, 1500, 2, shift=0, a=Operand(0, 8), b=Operand(12_000, 1), c=Operand(16384, 8), d=Operand(32000)
    )
    run(descriptor, bytes(image))


CYCLES = {"128 rows of 10": (loss(128, 10, label_stride=8), 2439, 644), "64 rows of 32": (loss(64, 32), 2119, 580)}


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_are_exact(name):
    descriptor, cycles, accesses = CYCLES[name]
    assert run(descriptor, image_for(descriptor, random.Random(0))) == (cycles, accesses)


def test_tables_are_the_nearest_integers():
    """Against exact fractions where there are any; nothing lies near a tie."""
    for index, value in enumerate(RECIPROCALS):
        assert abs(Fraction(2**16, 2 * index + 129) - value) < Fraction(1, 2)
    for index, value in enumerate(POWERS):
        assert (2 * value - 1) ** 16 < 2 ** (16 * 16 - index) < (2 * value + 1) ** 16
    for index, value in enumerate(LOGARITHMS):
        assert abs(16 * (log2(2 * index + 129) - 7) - value) < 0.4999
