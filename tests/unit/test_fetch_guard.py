"""Where instructions may come from: ROM always, SRAM once it is locked, nowhere else."""

import random

import pytest

from rtl.cpu import (
    CSR_BASE,
    IMAGE_BASE,
    INGEST_DATA_BASE,
    ROM_BASE,
    SRAM_BASE,
    STATEMENT_BASE,
    WEIGHTS_BASE,
    FetchGuard,
)
from sim.rtl.block import VerilatedBlock

WORD = 0xDEADBEEF


@pytest.fixture
def guard():
    return VerilatedBlock(FetchGuard(), cycle_limit=10_000)


def fetch(guard, address: int, executable: int) -> tuple[int, int, int]:
    """Whether memory is asked for a word, whether the CPU is answered at once though memory is not, and the word."""
    guard.set_all({"sram_executable": executable, "initiator__adr": address >> 2})
    guard.set_all({"initiator__cyc": 1, "initiator__stb": 1, "target__dat_r": WORD, "target__ack": 0})
    asked, answered = guard.get("target__stb") & guard.get("target__cyc"), guard.get("initiator__ack")
    word = guard.get("initiator__dat_r")
    guard.step()
    return asked, answered, word


PASSED, ZEROS = (1, 0, WORD), (0, 1, 0)


def test_rom_is_always_executed_and_sram_only_when_it_may(guard):
    generator = random.Random(3)
    for _ in range(50):
        offset = generator.randrange(0, 1 << 16, 4)
        assert fetch(guard, ROM_BASE + offset, 0) == fetch(guard, ROM_BASE + offset, 1) == PASSED
        assert fetch(guard, SRAM_BASE + offset, 0) == ZEROS
        assert fetch(guard, SRAM_BASE + offset, 1) == PASSED


@pytest.mark.parametrize("base", [WEIGHTS_BASE, IMAGE_BASE, STATEMENT_BASE, INGEST_DATA_BASE, CSR_BASE, 0x2000_0000])
def test_nothing_else_is_ever_executed(guard, base):
    for executable in (0, 1):
        assert fetch(guard, base + 64, executable) == ZEROS


def test_an_idle_bus_is_not_answered(guard):
    guard.set_all({"sram_executable": 0, "initiator__adr": SRAM_BASE >> 2, "initiator__cyc": 0, "initiator__stb": 0})
    assert not guard.get("initiator__ack") and not guard.get("target__cyc")


def test_answers_of_memory_reach_the_cpu(guard):
    guard.set_all({"sram_executable": 1, "initiator__adr": SRAM_BASE >> 2, "initiator__cyc": 1, "initiator__stb": 1})
    guard.set("target__ack", 1)
    assert guard.get("initiator__ack")
    guard.set_all({"target__ack": 0, "target__err": 1})
    assert guard.get("initiator__err") and not guard.get("initiator__ack")
