"""The signer's arithmetic against Python integers, and its ROM against the golden model."""

import random

import pytest
from amaranth.lib import data

from rtl.crypto.ed25519_datapath import Ed25519Datapath
from rtl.crypto.ed25519_instruction import INSTRUCTION, Constant, Operation, Space, constant_values
from rtl.crypto.ed25519_table import STEPS, TABLES, TEETH, comb_table, precomputed
from sim.golden.ed25519 import BASE, ORDER, PRIME, D
from sim.rtl.block import VerilatedBlock

EDGES = [
    *(0, 1, 2, 18, 19, 38, PRIME - 1, PRIME, PRIME + 1, 2 * PRIME - 1, 2 * PRIME, 2 * PRIME + 1),
    *(2**255 - 1, 2**255, 2**256 - 1, 2**256 - 38, 2**256 - 37, 2**224 - 1, 2**32 - 1, ORDER - 1, ORDER),
]
NUMBERS = EDGES + [random.Random(1).getrandbits(256) for _ in range(12)]

SUM_CYCLES, MULTIPLY_CYCLES, SQUARE_CYCLES, MULTIPLY_WIDE_CYCLES = 10, 71, 43, 133


class Datapath:
    """The datapath with Python's access to its working memory."""

    def __init__(self):
        self.block = VerilatedBlock(Ed25519Datapath(), cycle_limit=3_000_000)

    def write(self, element: int, value: int) -> None:
        self.block.set("io_write", 1)
        for limb in range(8):
            self.block.set_all({"io_address": 8 * element + limb, "io_data": value >> 32 * limb & 0xFFFFFFFF})
            self.block.step()
        self.block.set("io_write", 0)

    def read(self, element: int) -> int:
        """The number's low 256 bits; what is above in the last limb is not readable."""
        value = 0
        for limb in range(8):
            self.block.set("io_address", 8 * element + limb)
            self.block.step()
            value |= self.block.get("io_read") << 32 * limb
        return value

    def execute(self, operation, d, a, b=0, number=0, space=Space.ELEMENT) -> int:
        """Runs one operation and returns its cycles."""
        word = INSTRUCTION.const(
            {"operation": operation, "d": d, "a": a, "b": {"index": b, "space": space}, "number": number}
        )
        self.block.set_all({"instruction": word.as_bits(), "start": 1})
        self.block.step()
        self.block.set("start", 0)
        cycles = 1 + self.block.step_until("ready", limit=20_000)
        self.block.step()
        return cycles

    def is_congruent(self, element: int, value: int) -> bool:
        """Whether a number in -2**255..2**257 is congruent to value mod p; overwrites element 31."""
        self.execute(Operation.ADD, 31, element, Constant.ZERO.value, space=Space.CONSTANT)
        low = self.read(31)
        return value % PRIME in [(low + excess) % PRIME for excess in (-(2**256), 0, 2**256)]


@pytest.fixture(scope="module")
def datapath():
    return Datapath()


def pairs(source: random.Random, count: int) -> list[tuple[int, int]]:
    return [(a, b) for a in EDGES for b in EDGES] + [
        (source.choice(NUMBERS), source.getrandbits(256)) for _ in range(count)
    ]


def test_sums_and_the_condition_on_their_sign(datapath):
    for a, b in pairs(random.Random(2), 50):
        datapath.write(1, a)
        datapath.write(2, b)
        assert datapath.execute(Operation.ADD, 3, 1, 2) == SUM_CYCLES
        assert datapath.execute(Operation.SUBTRACT, 4, 1, 2) == SUM_CYCLES
        assert datapath.execute(Operation.ADD_IF_NEGATIVE, 5, 4, 2) == SUM_CYCLES
        assert datapath.execute(Operation.ADD_IF_NEGATIVE, 6, 1, 2) == SUM_CYCLES
        assert datapath.read(3) == (a + b) % 2**256
        assert datapath.read(4) == (a - b) % 2**256
        assert datapath.read(5) == (a if a < b else a - b)
        assert datapath.read(6) == a


def test_excess_of_a_sum_is_kept(datapath):
    a, b = 2**256 - 1, 2**256 - 3
    datapath.write(1, a)
    datapath.write(2, b)
    datapath.execute(Operation.ADD, 3, 1, 2)
    datapath.execute(Operation.ADD, 3, 3, 1)
    datapath.execute(Operation.SUBTRACT, 3, 3, 2)
    datapath.execute(Operation.SUBTRACT, 3, 3, 1)
    assert datapath.read(3) == a
    datapath.execute(Operation.SUBTRACT, 3, 3, 1)
    datapath.execute(Operation.SUBTRACT, 3, 3, 2)
    datapath.execute(Operation.SUBTRACT, 3, 3, 1)
    datapath.execute(Operation.ADD_IF_NEGATIVE, 3, 3, 1)
    datapath.execute(Operation.ADD_IF_NEGATIVE, 3, 3, 2)
    assert datapath.read(3) == 0


def test_multiplication_modulo_p(datapath):
    for a, b in pairs(random.Random(3), 100):
        datapath.write(1, a)
        datapath.write(2, b)
        assert datapath.execute(Operation.MULTIPLY, 3, 1, 2) == MULTIPLY_CYCLES
        assert datapath.is_congruent(3, a * b)


def test_factors_of_three_signed_units(datapath):
    """(a + b + c) * (a - b - c) mod p, the largest factors that the point formulas make."""
    source = random.Random(4)
    extremes = [(0, 2**256 - 1, 2**256 - 1), (2**256 - 1, 2**256 - 1, 2**256 - 1), (2**256 - 1, 0, 0)]
    for a, b, c in extremes + [[source.getrandbits(256) for _ in range(3)] for _ in range(100)]:
        for element, value in ((1, a), (2, b), (3, c)):
            datapath.write(element, value)
        datapath.execute(Operation.ADD, 4, 1, 2)
        datapath.execute(Operation.ADD, 4, 4, 3)
        datapath.execute(Operation.SUBTRACT, 5, 1, 2)
        datapath.execute(Operation.SUBTRACT, 5, 5, 3)
        for operation, x, y, left, right in (
            (Operation.MULTIPLY, 4, 5, a + b + c, a - b - c),
            (Operation.MULTIPLY, 5, 4, a + b + c, a - b - c),
            (Operation.MULTIPLY, 4, 4, a + b + c, a + b + c),
            (Operation.SQUARE, 4, 4, a + b + c, a + b + c),
            (Operation.SQUARE, 5, 5, a - b - c, a - b - c),
        ):
            datapath.execute(operation, 6, x, y)
            assert datapath.is_congruent(6, left * right)


@pytest.mark.parametrize("repetitions", [1, 2, 5, 100])
def test_repeated_squaring(datapath, repetitions):
    for a in NUMBERS:
        datapath.write(1, a)
        cycles = datapath.execute(Operation.SQUARE, 2, 1, 1, number=repetitions - 1)
        assert cycles == SQUARE_CYCLES * repetitions
        assert datapath.is_congruent(2 + (repetitions - 1) % 2, pow(a, 2**repetitions, PRIME))


def test_wide_multiplication(datapath):
    for a, b in pairs(random.Random(5), 100):
        datapath.write(1, a)
        datapath.write(2, b)
        assert datapath.execute(Operation.MULTIPLY_WIDE, 4, 1, 2) == MULTIPLY_WIDE_CYCLES
        assert datapath.read(4) | datapath.read(5) << 256 == a * b


def test_constants_in_rom(datapath):
    datapath.write(1, 0)
    datapath.write(2, 1)
    for constant, value in constant_values().items():
        datapath.execute(Operation.ADD, 3, 1, constant.value, space=Space.CONSTANT)
        assert datapath.read(3) == value % 2**256
        assert value < 2**259


def test_comb_table_in_rom(datapath):
    datapath.write(1, 0)
    for digit in range(1 << TEETH):
        digits = [(digit + 5 * table) % 16 for table in range(TABLES)]
        datapath.block.set("digits", sum(value << TEETH * table for table, value in enumerate(digits)))
        for table in range(TABLES):
            for part in range(3):
                datapath.execute(Operation.ADD, 3, 1, part | table << 2, space=Space.TABLE)
                assert datapath.read(3) == precomputed(comb_table()[table][digits[table]])[part]


def test_comb_table_against_the_golden_model():
    for table, points in enumerate(comb_table()):
        for digit, (x, y) in enumerate(points):
            bits = [(t * TABLES + table) * STEPS for t in range(TEETH) if digit >> t & 1]
            assert (x, y) == (sum(1 << bit for bit in bits) * BASE).affine()
            assert precomputed((x, y)) == ((y - x) % PRIME, (y + x) % PRIME, 2 * D * x * y % PRIME)


def test_instructions_fit_a_block_ram():
    assert data.Layout.cast(INSTRUCTION).size <= 36
