"""Which descriptors the hardware refuses, and why: against the golden model."""

import random
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from formats.descriptor import ALLOWED_FLAGS, AcceleratorError, Descriptor, Flag, Opcode, Operand, Run
from rtl.accel.operand_checks import CHECK_CYCLES, OperandChecks
from sim.golden.operands import refusal
from sim.rtl.block import VerilatedBlock

MEMORY = 32768


@cache
def unit() -> VerilatedBlock:
    return VerilatedBlock(OperandChecks(MEMORY), cycle_limit=10**7)


def check(descriptor: Descriptor, iteration: int = 0, open_begin: int = 0, open_end: int = 0) -> AcceleratorError:
    """The hardware's verdict, which is the golden model's, after its fixed number of cycles."""
    block = unit()
    block.set_all(
        {
            "start": 1,
            "descriptor": int.from_bytes(descriptor.encode(), "little"),
            "iteration": iteration,
            "open_begin": open_begin,
            "open_end": open_end,
        }
    )
    block.step()
    block.set("start", 0)
    assert 2 + block.step_until("done", limit=100) == CHECK_CYCLES
    error = AcceleratorError(block.get("error"))
    if not error and descriptor.opcode == Opcode.GATHER:
        assert block.get("index_address") == descriptor.b.address + iteration * descriptor.advance
    block.step()
    run = Run(1, 1, open_begin, open_end)
    assert error is refusal(descriptor, iteration, MEMORY, run), (descriptor, iteration, run)
    return error


GEMM = Descriptor(
    Opcode.GEMM, 16, 24, 32, shift=7, a=Operand(0, 32), b=Operand(1024, 24), c=Operand(2048, 24),
    d=Operand(4096, 48), e=Operand(8192, 48),
)  # fmt: skip
GATHER = Descriptor(
    Opcode.GATHER, 8, 16, 100, 4, a=Operand(3, 17), b=Operand(4096, 8), c=Operand(8192, 16), advance=32
)
LOSS = Descriptor(
    Opcode.LOSS, 12, 10, shift=3, a=Operand(0, 16), b=Operand(1001, 3), c=Operand(2048, 16), d=Operand(4096)
)
UPDATE = replace(GEMM, flags=Flag.UPDATE | Flag.MOMENTUM)
E = AcceleratorError

CASES = {
    "gemm": (GEMM, E.NONE),
    "gather": (GATHER, E.NONE),
    "loss": (LOSS, E.NONE),
    "update": (UPDATE, E.NONE),
    "opcode 0": (replace(GEMM, opcode=0), E.OPCODE),
    "opcode 4": (replace(GEMM, opcode=4), E.OPCODE),
    "reserved byte 1": (replace(GEMM, reserved=(1, 0, 0)), E.OPCODE),
    "reserved byte 7": (replace(GEMM, reserved=(0, 128, 0)), E.OPCODE),
    "reserved word": (replace(GEMM, reserved=(0, 0, 1 << 31)), E.OPCODE),
    "opcode before flags": (replace(GEMM, opcode=9, flags=0xFFFF, m=0), E.OPCODE),
    "gemm with a gather's flag": (replace(GEMM, flags=Flag.NIBBLES), E.FLAGS),
    "gather with a gemm's flag": (replace(GATHER, flags=Flag.RELU), E.FLAGS),
    "undefined flag": (replace(LOSS, flags=1 << 12), E.FLAGS),
    "wide and relu": (replace(GEMM, flags=Flag.WIDE | Flag.RELU), E.FLAGS),
    "wide and update": (replace(GEMM, flags=Flag.WIDE | Flag.UPDATE), E.FLAGS),
    "update and add": (replace(GEMM, flags=Flag.UPDATE | Flag.ADD), E.FLAGS),
    "momentum alone": (replace(GEMM, flags=Flag.MOMENTUM), E.FLAGS),
    "shift 32": (replace(GEMM, shift=32), E.FLAGS),
    "decay 16": (replace(UPDATE, decay=16), E.FLAGS),
    "rate 16": (replace(UPDATE, rate=16), E.FLAGS),
    "loss shift 5": (replace(LOSS, shift=5), E.FLAGS),
    "flags before shape": (replace(GEMM, flags=Flag.MOMENTUM, m=0), E.FLAGS),
    "m 0": (replace(GEMM, m=0), E.SHAPE),
    "n 0": (replace(GEMM, n=0), E.SHAPE),
    "k 0": (replace(GEMM, k=0), E.SHAPE),
    "m no multiple of 8": (replace(GEMM, m=12), E.SHAPE),
    "k beyond the buffers": (replace(GEMM, k=264), E.SHAPE),
    "group 0": (replace(GATHER, group=0), E.SHAPE),
    "65536 rows": (replace(GATHER, m=256, group=256), E.SHAPE),
    "row of 12 bytes": (replace(GATHER, n=12), E.SHAPE),
    "nibbles of 8": (replace(GATHER, n=8, flags=Flag.NIBBLES), E.SHAPE),
    "257 classes": (replace(LOSS, n=257), E.SHAPE),
    "shape before alignment": (replace(GEMM, m=0, a=Operand(1, 32)), E.SHAPE),
    "address": (replace(GEMM, a=Operand(4, 32)), E.ALIGNMENT),
    "stride": (replace(GEMM, b=Operand(1024, 28)), E.ALIGNMENT),
    "stride 65536": (replace(GEMM, b=Operand(1024, 65536)), E.ALIGNMENT),
    "16-bit index at an odd byte": (replace(GATHER, flags=Flag.INDEX16, b=Operand(4097, 8)), E.ALIGNMENT),
    "odd advance": (replace(GATHER, flags=Flag.INDEX16, advance=1), E.ALIGNMENT),
    "advance 65536": (replace(GATHER, advance=65536), E.ALIGNMENT),
    "alignment before bounds": (replace(GEMM, a=Operand(MEMORY + 4, 32)), E.ALIGNMENT),
    "behind memory": (replace(GEMM, a=Operand(MEMORY, 32)), E.BOUNDS),
    "last row behind memory": (replace(GEMM, a=Operand(MEMORY - 16 * 32 + 8, 32)), E.BOUNDS),
    "last row just in memory": (replace(GEMM, a=Operand(MEMORY - 16 * 32, 32)), E.NONE),
    "address that wraps around": (replace(GEMM, a=Operand(2**32 - 8, 32)), E.BOUNDS),
    "statistics behind memory": (replace(LOSS, d=Operand(MEMORY - 8)), E.BOUNDS),
    "bounds before overlap": (replace(GEMM, c=Operand(0, 24), a=Operand(MEMORY, 32)), E.BOUNDS),
    "result over a": (replace(GEMM, c=Operand(496, 24)), E.OVERLAP),
    "result over b": (replace(GEMM, c=Operand(1024, 24)), E.OVERLAP),
    "result over itself": (replace(GEMM, c=Operand(2048, 16)), E.OVERLAP),
    "one row may have any stride": (replace(GATHER, m=1, group=1, c=Operand(8192, 0)), E.NONE),
    "addend in place": (replace(GEMM, flags=Flag.ADD, d=GEMM.c), E.NONE),
    "addend beside its place": (replace(GEMM, flags=Flag.ADD, d=Operand(2056, 24)), E.OVERLAP),
    "addend in place with another stride": (replace(GEMM, flags=Flag.ADD, d=Operand(2048, 0)), E.OVERLAP),
    "mask in place": (replace(GEMM, flags=Flag.MASK, e=GEMM.c), E.NONE),
    "master over its copy": (replace(UPDATE, d=Operand(2048, 48), c=Operand(2048, 48)), E.OVERLAP),
    "velocity over master": (replace(UPDATE, e=UPDATE.d), E.OVERLAP),
    "gradient in place": (replace(LOSS, c=LOSS.a), E.NONE),
    "statistics over logits": (replace(LOSS, d=Operand(8)), E.OVERLAP),
    "labels over the gradient": (replace(LOSS, b=Operand(2048, 1)), E.OVERLAP),
    "rows over the indices": (replace(GATHER, c=Operand(4096, 16)), E.OVERLAP),
}


@pytest.mark.parametrize("name", CASES)
def test_each_reason(name):
    descriptor, error = CASES[name]
    assert check(descriptor) is error


@pytest.mark.parametrize(
    "window, error",
    (
        ((2048, 2049), E.BOUNDS),
        ((0, MEMORY), E.BOUNDS),
        ((512, 1024), E.NONE),
        ((511, 1024), E.BOUNDS),
        ((2048 + 16 * 24, MEMORY), E.NONE),
        ((2048, 2048), E.NONE),
        ((2100, 2048), E.NONE),
        ((2**32 - 1, 2**32 - 1), E.NONE),
        ((MEMORY, 2**32 - 1), E.NONE),
    ),
)
def test_the_open_window_is_out_of_bounds(window, error):
    assert check(GEMM, 0, *window) is error


def test_the_iteration_moves_the_indices():
    assert check(GATHER, 893) is E.NONE
    assert check(GATHER, 895) is E.BOUNDS
    assert check(replace(GATHER, advance=65535), 65535) is E.BOUNDS


def random_operand(source: random.Random) -> Operand:
    if source.random() < 0.05:
        return Operand(source.getrandbits(32), source.choice((source.getrandbits(32), 65535, 65536, 8)))
    unit_ = source.choice((1, 2, 8, 8, 8, 8, 8, 8))
    return Operand(source.randrange(MEMORY) // unit_ * unit_, source.choice((8 * source.randrange(40), 64, 64, 0)))


def random_descriptor(source: random.Random) -> Descriptor:
    opcode = source.choice(list(Opcode))
    flags = sum(flag for flag in Flag if source.random() < 0.15)
    if source.random() < 0.9:
        flags &= ALLOWED_FLAGS[opcode]

    def size() -> int:
        return source.choice((8 * source.randint(1, 6),) * 6 + (source.randint(0, 300), source.getrandbits(16)))

    operands = [random_operand(source) for _ in range(5)]
    if source.random() < 0.3:
        operands[2] = operands[source.choice((0, 3, 4))]
    group, advance = source.choice((1, 2, 3, 40)), source.choice((0, 2, 16, source.getrandbits(17)))
    return Descriptor(opcode, size(), size(), size(), group, flags, source.randint(0, 5), 3, 3, *operands, advance)


def test_random_descriptors():
    source, found = random.Random(7), Counter()
    for _ in range(8000):
        open_begin = source.randrange(MEMORY)
        open_end = open_begin + source.choice((-100, 0, 100, 1000)) if source.random() < 0.3 else 0
        iteration = source.choice((0, 1, source.getrandbits(16)))
        found[check(random_descriptor(source), iteration, open_begin, max(open_end, 0))] += 1
    assert set(found) == set(E) - {E.PROGRAM, E.OPCODE}
