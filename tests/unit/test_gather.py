"""The GATHER unit against the golden model, on whole memory images."""

import random
from functools import cache

import pytest

from formats.descriptor import AcceleratorError, Descriptor, Flag, Opcode, Operand, Run
from rtl.accel.gather import GatherUnit
from sim.golden.accelerator import execute
from sim.golden.operands import refusal
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

WORDS = 4096
IMAGE = 8 * WORDS


@cache
def unit() -> VerilatedBlock:
    return VerilatedBlock(GatherUnit(WORDS), cycle_limit=10**7)


def run(descriptor: Descriptor, stall: float = 0.0, image: bytes | None = None) -> tuple[int, int]:
    assert refusal(descriptor, 0, IMAGE, Run(1)) is AcceleratorError.NONE
    image = image or random.Random(descriptor.m).randbytes(IMAGE)
    memory = MemoryModel(unit(), image, stall=stall, seed=2)
    cycles = memory.run(descriptor.encode())
    assert memory.image == execute(image, descriptor)
    return cycles, memory.accesses


def gather(m: int, group: int, n: int, k: int, flags: int = 0, *, table: Operand, indices: Operand, gap: int = 0):
    return Descriptor(Opcode.GATHER, m, n, k, group, flags, a=table, b=indices, c=Operand(IMAGE // 2, n + gap))


@pytest.mark.parametrize("stall", (0.0, 0.4))
@pytest.mark.parametrize("nibbles", (0, Flag.NIBBLES))
@pytest.mark.parametrize("wide", (0, Flag.INDEX16))
def test_random_tables(stall, nibbles, wide):
    source = random.Random(repr((stall, nibbles, wide)))
    for _ in range(12):
        m, group, n = source.randint(1, 12), source.randint(1, 9), 16 * source.randint(1, 4)
        size = 2 if wide else 1
        table = Operand(source.randrange(64), source.randrange(100))
        indices = Operand(12000 + size * source.randrange(8), group * size + size * source.randrange(5))
        run(
            gather(
                m,
                group,
                n,
                source.randint(1, 80),
                nibbles | wide,
                table=table,
                indices=indices,
                gap=8 * source.randrange(3),
            ),
            stall,
        )


@pytest.mark.parametrize("alignment", range(8))
def test_every_alignment_of_rows(alignment):
    for flags in (0, Flag.NIBBLES):
        run(gather(1, 20, 32, 100, flags, table=Operand(alignment, 8), indices=Operand(12001)))


def test_overlapping_windows():
    """A stride of one byte: row i is the text from its i-th byte on."""
    run(gather(1, 64, 8, 5000, Flag.INDEX16, table=Operand(5, 1), indices=Operand(12000)))


def test_a_table_longer_than_byte_indices_reach():
    run(gather(1, 40, 8, 700, table=Operand(8, 8), indices=Operand(12000)))


def test_indices_beyond_the_table_mean_its_last_row():
    image = bytes(range(256)) * (IMAGE // 256)
    for flags in (0, Flag.INDEX16):
        run(gather(1, 64, 8, 3, flags, table=Operand(8, 24), indices=Operand(12000)), image=image)
    run(gather(1, 8, 8, 1, table=Operand(IMAGE - 8, 60000), indices=Operand(12000)), image=b"\xff" * IMAGE)


LIST = Operand(12000)
CYCLES = {
    "nibbles": (gather(1, 128, 64, 300, Flag.INDEX16 | Flag.NIBBLES, table=Operand(3, 33), indices=LIST), 1828, 1696),
    "words": (gather(1, 128, 8, 300, Flag.INDEX16, table=Operand(3, 33), indices=LIST), 548, 416),
    "groups": (gather(128, 7, 16, 32, table=Operand(0, 16), indices=Operand(12000, 8)), 4612, 3712),
}


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_are_exact(name):
    descriptor, cycles, accesses = CYCLES[name]
    assert run(descriptor, image=random.Random(0).randbytes(IMAGE)) == (cycles, accesses)
