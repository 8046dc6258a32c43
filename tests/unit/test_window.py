"""Read-only windows and the bus guard: no access hangs, no write gets through."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from rtl.bus import wishbone
from rtl.cpu import BUS_TIMEOUT, BusFault, BusGuard
from rtl.memory.clear import MemoryClear
from rtl.memory.window import ReadWindow
from sim.rtl.block import VerilatedBlock

WORDS = 24


@pytest.fixture
def window():
    return VerilatedBlock(ReadWindow(WORDS, "memory"), cycle_limit=100_000)


def access(block, address: int, memory: list[int], stalls: random.Random, write: bool = False):
    """One bus access by a memory that is ready now and then; returns ("ack" or "err", data)."""
    block.set_all({"bus__cyc": 1, "bus__stb": 1, "bus__adr": address, "bus__we": write, "bus__sel": 15})
    for _ in range(100):
        block.set("read_ready", stalls.random() < 0.4)
        taken = block.get("read_valid") and block.get("read_ready")
        address_taken = block.get("read_addr")
        block.step()
        block.set("read_data", memory[address_taken] if taken else stalls.getrandbits(64))
        for outcome in ("ack", "err"):
            if block.get(f"bus__{outcome}"):
                value = block.get("bus__dat_r")
                block.set_all({"bus__cyc": 0, "bus__stb": 0})
                block.step()
                return outcome, value
    raise AssertionError("the window did not answer")


def test_reads_give_the_memory_s_words(window):
    stalls = random.Random(1)
    memory = [stalls.getrandbits(64) for _ in range(WORDS)]
    for _ in range(300):
        address = stalls.randrange(2 * WORDS)
        expected = memory[address // 2] >> 32 * (address % 2) & 0xFFFFFFFF
        assert access(window, address, memory, stalls) == ("ack", expected)


def test_reads_beyond_the_memory_are_zero(window):
    assert access(window, 2 * WORDS, [1] * WORDS, random.Random(2)) == ("ack", 0)


def test_writes_are_refused(window):
    outcome, _ = access(window, 3, [0] * WORDS, random.Random(3), write=True)
    assert outcome == "err"
    assert not window.get("read_valid")


class GuardedTarget(wiring.Component):
    """A guard before a target that acknowledges only addresses below 16, after as many cycles."""

    bus: In(wishbone.Signature(addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"}))

    def elaborate(self, platform):
        m = Module()
        m.submodules.guard = guard = BusGuard()
        connect(m, flipped(self.bus), guard.initiator)
        waited = Signal(5)
        target = guard.target
        answers = target.cyc & target.stb & (target.adr < 16) & (waited == target.adr)
        m.d.comb += [target.ack.eq(answers), target.dat_r.eq(0x1234)]
        with m.If(target.cyc & target.stb & ~answers):
            m.d.sync += waited.eq(waited + 1)
        with m.Else():
            m.d.sync += waited.eq(0)
        return m


def test_guard_passes_answers_and_ends_silence():
    block = VerilatedBlock(GuardedTarget(), cycle_limit=100_000)
    block.set_all({"bus__cyc": 1, "bus__stb": 1, "bus__adr": 9})
    assert block.step_until("bus__ack", limit=20) == 9
    assert block.get("bus__dat_r") == 0x1234 and not block.get("bus__err")
    block.step()
    block.set("bus__adr", 100)
    assert block.step_until("bus__err", limit=2 * BUS_TIMEOUT) == BUS_TIMEOUT
    assert not block.get("bus__ack")


def test_an_error_ends_the_access_and_is_remembered():
    block = VerilatedBlock(BusFault(), cycle_limit=1000)
    block.set_all({"initiator__cyc": 1, "initiator__stb": 1, "target__dat_r": 0x1234})
    for answer in ("target__ack", "target__err", "target__ack"):
        assert not block.get("initiator__ack")
        before = block.get("fault")
        block.set(answer, 1)
        assert block.get("initiator__ack") and not block.get("initiator__err")
        assert block.get("initiator__dat_r") == 0x1234
        assert block.get("fault") == before
        block.step()
        block.set(answer, 0)
        assert block.get("fault") == (before or answer == "target__err")


@pytest.mark.parametrize("words", [2, 5, 64])
def test_clear_writes_every_word_once(words):
    block = VerilatedBlock(MemoryClear(words), f"clear_{words}", cycle_limit=10_000)
    stalls, written = random.Random(words), []
    while not block.get("done"):
        block.set("ready", stalls.random() < 0.6)
        if block.get("valid") and block.get("ready"):
            written.append(block.get("addr"))
        block.step()
    assert written == list(range(words))
    block.set("ready", 1)
    block.step(10)
    assert not block.get("valid") and block.get("done")
