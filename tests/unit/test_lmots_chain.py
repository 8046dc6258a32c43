"""The LM-OTS chain in hardware: every part of a chain against the golden function, by the registers and alone."""

import random
from functools import cache

import pytest

from rtl.io.lmots import LmotsPeripheral
from sim.golden.lms import lmots_chain
from tests.unit.shared_sponge import SharedSponge

N, P = 8, 281
STEP = 11 * N + P + 6


@cache
def built(slices_per_cycle: int) -> SharedSponge:
    return SharedSponge(LmotsPeripheral(), slices_per_cycle=slices_per_cycle)


@pytest.fixture
def chip() -> SharedSponge:
    chip = built(8)
    chip.block.power_on()
    return chip


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]


def load(chip: SharedSponge, identifier: bytes, q: int, chain: int, begin: int, end: int, value: bytes) -> None:
    chip.write("index", 0)
    for word in (*words(identifier), q, chain | begin << 16 | end << 24, *words(value)):
        chip.write("data", word)


def wait(chip: SharedSponge, limit: int = 20_000) -> int:
    """Cycles until not busy, by reading `status` in each."""
    block = chip.block
    block.set_all({"bus__r_stb": 1, "bus__addr": chip.address("status")})
    block.step()
    cycles = block.step_until("bus__r_data", 0, limit=limit)
    block.set("bus__r_stb", 0)
    return cycles


def value(chip: SharedSponge) -> bytes:
    return chip.read("value", 24).to_bytes(24, "little")


def test_every_part_of_a_chain(chip):
    source = random.Random(1)
    for begin in range(16):
        for end in range(16):
            identifier, start = source.randbytes(16), source.randbytes(24)
            q, chain = source.getrandbits(32), source.getrandbits(16)
            load(chip, identifier, q, chain, begin, end, start)
            chip.write("start", 1)
            wait(chip)
            assert value(chip) == lmots_chain(identifier, q, chain, begin, end, start), (begin, end)
            if begin >= end:
                assert value(chip) == start


@pytest.mark.parametrize("slices_per_cycle", [4, 32])
def test_other_foldings(slices_per_cycle):
    chip = built(slices_per_cycle)
    chip.block.power_on()
    load(chip, bytes(range(16)), 0x01020304, 0x0506, 7, 10, bytes(range(24)))
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(bytes(range(16)), 0x01020304, 0x0506, 7, 10, bytes(range(24)))


def test_the_last_steps_of_an_eight_bit_chain(chip):
    load(chip, bytes(16), 0, 0, 253, 255, bytes(24))
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(bytes(16), 0, 0, 253, 255, bytes(24))


def test_the_next_chain_needs_only_what_differs(chip):
    identifier, first, second = bytes(range(16)), bytes(24), bytes(range(100, 124))
    load(chip, identifier, 9, 0, 3, 15, first)
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(identifier, 9, 0, 3, 15, first)
    chip.write("index", 5)
    for word in (1 | 14 << 16 | 15 << 24, *words(second)):
        chip.write("data", word)
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(identifier, 9, 1, 14, 15, second)


def test_what_is_written_while_busy_or_beyond_the_operands_changes_nothing(chip):
    identifier, start = bytes(range(16)), bytes(range(24))
    load(chip, identifier, 9, 7, 2, 5, start)
    for _ in range(4):
        chip.write("data", 0xFFFFFFFF)
    chip.write("start", 1)
    assert chip.read("status", 1) == 1
    load(chip, bytes(16), 0, 0, 0, 15, bytes(24))
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(identifier, 9, 7, 2, 5, start)
    chip.write("index", 5)
    chip.write("data", 7 | 5 << 16 | 6 << 24)
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(identifier, 9, 7, 2, 6, start), "the operands are those from before"
    chip.write("start", 0)
    assert chip.read("status", 1) == 0


def test_cycles_of_a_step(chip):
    load(chip, bytes(16), 0, 0, 0, 15, bytes(24))
    chip.write("start", 1)
    fifteen = wait(chip)
    assert value(chip) == lmots_chain(bytes(16), 0, 0, 0, 15, bytes(24))
    chip.block.step(100)
    load(chip, bytes(16), 0, 0, 0, 1, bytes(24))
    chip.write("start", 1)
    one = wait(chip)
    assert fifteen - one == 14 * STEP
    assert one == STEP - N - 2, "the sponge was ready"
    assert STEP == 375


def test_a_rival_gets_the_sponge_between_two_steps(chip):
    block = chip.block
    load(chip, bytes(range(16)), 1, 2, 0, 15, bytes(24))
    chip.write("start", 1)
    waits = []
    for pause in range(8):
        block.step(40 * pause)
        before = block.cycles
        chip.claim()
        waits.append(block.cycles - before)
        block.step(100)
        assert chip.read("status", 1) == 1
        chip.release()
    assert max(waits) <= STEP + 2
    wait(chip)
    assert value(chip) == lmots_chain(bytes(range(16)), 1, 2, 0, 15, bytes(24))


def test_reset_ends_a_chain(chip):
    load(chip, bytes(16), 0, 0, 0, 15, bytes(24))
    chip.write("start", 1)
    chip.block.step(500)
    chip.block.reset()
    assert chip.read("status", 1) == 0 and value(chip) == bytes(24)
    load(chip, bytes(16), 3, 0, 0, 2, bytes(24))
    chip.write("start", 1)
    wait(chip)
    assert value(chip) == lmots_chain(bytes(16), 3, 0, 0, 2, bytes(24))
