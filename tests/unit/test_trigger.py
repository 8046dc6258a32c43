"""The random trigger against its golden model, and its distribution."""

import math
import random
from itertools import pairwise

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.hashing import TICK_CYCLES_LOG2
from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter
from rtl.snapshot.trigger import RandomTrigger
from sim.golden import trigger as golden
from sim.rtl.block import VerilatedBlock

TICK = 1 << TICK_CYCLES_LOG2


class TriggerWithSponge(wiring.Component):
    entropy: In(stream.Signature(64))
    rate: In(64)
    enable: In(1)
    fire: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.trigger = trigger = RandomTrigger()
        m.submodules.sponge = sponge = SpongeArbiter(Sponge(FoldedKeccakPermutation(8)), users=1)
        connect(m, flipped(self.entropy), trigger.entropy)
        connect(m, trigger.sponge, sponge.user0)
        m.d.comb += [trigger.rate.eq(self.rate), trigger.enable.eq(self.enable), self.fire.eq(trigger.fire)]
        return m


@pytest.fixture(scope="module")
def block():
    return VerilatedBlock(TriggerWithSponge())


def seed(block, key: bytes) -> None:
    block.power_on()
    block.set("entropy__valid", 1)
    for at in range(0, len(key), 8):
        assert block.get("entropy__ready")
        block.set("entropy__payload", int.from_bytes(key[at : at + 8], "little"))
        block.step()
    assert not block.get("entropy__ready"), "the seed is taken once"
    # The first block of draws is there before the first tick asks for one.
    block.step(2000)


def fires(block, rate: int, ticks: int) -> list[int]:
    """Cycles, counted from enable, in which the trigger fires."""
    block.set_all({"rate": rate, "enable": 1})
    cycles = block.run({"enable": [1] * (ticks * TICK + 2)}, ["fire"])["fire"]
    return [cycle for cycle, fire in enumerate(cycles) if fire]


@pytest.mark.parametrize("number", range(3))
def test_fires_at_the_ticks_of_the_golden_model(block, number):
    key = random.Random(number).randbytes(32)
    rate = 1 << 61
    seed(block, key)
    expected = golden.hits(key, rate, 4000)
    assert len(expected) > 300
    # The trial is made in the cycle after the tick, and fire is a register.
    assert fires(block, rate, 4000) == [(tick + 1) * TICK + 1 for tick in expected]


def test_rate_zero_never_fires_and_the_highest_rate_always(block):
    seed(block, bytes(32))
    assert fires(block, 0, 500) == []
    seed(block, bytes(32))
    assert len(fires(block, (1 << 64) - 1, 500)) == 500


def test_disabled_trigger_makes_no_trials(block):
    key = random.Random(9).randbytes(32)
    seed(block, key)
    block.set_all({"rate": (1 << 64) - 1, "enable": 0})
    assert not any(block.run({"enable": [0] * 5000}, ["fire"])["fire"])
    assert len(fires(block, (1 << 64) - 1, 10)) == 10


def test_inter_arrival_times_are_geometric():
    """Kolmogorov-Smirnov distance of the golden model's gaps from the geometric law, at a fixed seed."""
    probability = 1 / 64
    found = golden.hits(b"inter-arrival".ljust(32, b"\0"), int(probability * 2**64), 200_000)
    gaps = sorted(after - before for before, after in pairwise(found))
    distance = max(
        abs((index + 1) / len(gaps) - (1 - (1 - probability) ** gap))
        for index, gap in enumerate(gaps)
        if index + 1 == len(gaps) or gaps[index + 1] != gap
    )
    # 1 % critical value of the one-sample test.
    assert distance < 1.63 / math.sqrt(len(gaps))
