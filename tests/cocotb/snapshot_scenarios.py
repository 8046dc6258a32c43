"""Scenarios on the snapshot engine; cocotb runs them inside the simulator (see test_snapshot_cocotb.py).

The user's accesses are a coroutine of their own, so that they go on whatever the engine does.
"""

import dataclasses
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

from formats.statement import Cause
from rtl.config import CONFIGS
from sim.golden.merkle import snapshot_root

CONFIG = dataclasses.replace(CONFIGS["test"], boundary_timeout=64)
WORDS = CONFIG.weight_words
CYCLE_LIMIT = 20_000
INSTANT_TO_ROOT = 2610


class User:
    """Writes one word in each cycle in which `writer(cycle since the instant)` gives an address, and keeps a mirror.

    memory: the mirror; None for a word that no write of this user has set. expected: the mirror at the last
    instant. Every write's old word is compared with the mirror.
    """

    def __init__(self, dut, seed):
        self.dut = dut
        self.random = random.Random(seed)
        self.memory = [None] * WORDS
        self.expected = None
        self.writer = lambda cycle: None
        cocotb.start_soon(self._run())

    async def _run(self):
        dut, cycle, old_word = self.dut, 0, None
        while True:
            address = self.writer(cycle)
            dut.user__valid.value = dut.user__write.value = address is not None
            if address is not None:
                data = self.random.getrandbits(64)
                dut.user__addr.value, dut.user__w_data.value = address, data
            await FallingEdge(dut.clk)
            assert dut.user__ready.value == 1
            if old_word is not None:
                assert dut.user__r_data.value.to_unsigned() == old_word
            if dut.instant.value == 1:
                self.expected, cycle = list(self.memory), 0
            old_word = None
            if address is not None:
                old_word, self.memory[address] = self.memory[address], data
            await RisingEdge(dut.clk)
            cycle += 1

    async def fill(self):
        addresses = iter(range(WORDS))
        self.writer = lambda cycle: next(addresses, None)
        await cycles(self.dut, WORDS)
        self.writer = lambda cycle: None


async def cycles(dut, count):
    for _ in range(count):
        await RisingEdge(dut.clk)


async def until(dut, name, value=1):
    """Cycles until the output has the value, from the present one on; leaves at the falling edge of that cycle."""
    for count in range(CYCLE_LIMIT):
        await FallingEdge(dut.clk)
        if getattr(dut, name).value == value:
            return count
    raise AssertionError(f"{name} was not {value} within {CYCLE_LIMIT} cycles")


async def pulse(dut, name, **values):
    for signal, value in {name: 1, **values}.items():
        getattr(dut, signal).value = value
    await RisingEdge(dut.clk)
    getattr(dut, name).value = 0


async def start(dut, seed):
    """Clock, reset, and a user who has filled the memory."""
    for name in ("random", "request", "request_cause", "boundary", "hold", "image__addr"):
        getattr(dut, name).value = 0
    dut.rst.value = 1
    cocotb.start_soon(Clock(dut.clk, 2, "ns").start())
    user = User(dut, seed)
    await cycles(dut, 2)
    dut.rst.value = 0
    assert await until(dut, "clearing", 0) == WORDS
    await RisingEdge(dut.clk)
    await user.fill()
    return user


async def check_image(dut, user, cause):
    image = b"".join(word.to_bytes(8, "little") for word in user.expected)
    assert dut.done.value == 1
    assert dut.cause.value == cause
    assert dut.stall_cycles.value == 0
    assert dut.root.value.to_unsigned() == int.from_bytes(snapshot_root(image, CONFIG.page_bytes), "little")
    for address in range(WORDS):
        await RisingEdge(dut.clk)
        dut.image__addr.value = address
        await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        assert dut.image__data.value.to_unsigned() == user.expected[address]


async def capture(dut, cause):
    """Requests a snapshot at a boundary; returns the cycles from the instant to the root."""
    dut.boundary.value = 1
    await pulse(dut, "request", request_cause=cause)
    assert await until(dut, "instant") == 0
    return await until(dut, "done") + 1


@cocotb.test()
async def no_snapshot_is_torn(dut):
    user = await start(dut, seed=1)
    for writer in (
        lambda cycle: user.random.randrange(WORDS),
        lambda cycle: min(cycle, WORDS - 1),
        lambda cycle: max(0, min(WORDS - 1, cycle + user.random.randrange(-2, 3))),
        lambda cycle: WORDS - 1 - cycle % WORDS,
    ):
        user.writer = writer
        assert await capture(dut, Cause.HOST) == INSTANT_TO_ROOT
        await check_image(dut, user, Cause.HOST)


@cocotb.test()
async def trigger_waits_for_boundary_or_bound(dut):
    user = await start(dut, seed=2)
    user.writer = lambda cycle: user.random.randrange(WORDS)

    await pulse(dut, "random")
    await cycles(dut, CONFIG.boundary_timeout // 2)
    assert (dut.pending.value, dut.capturing.value) == (1, 0)
    dut.boundary.value = 1
    await RisingEdge(dut.clk)
    dut.boundary.value = 0
    await until(dut, "done")
    await check_image(dut, user, Cause.RANDOM)

    await RisingEdge(dut.clk)
    await pulse(dut, "request", request_cause=Cause.CHALLENGE)
    assert await until(dut, "instant") == CONFIG.boundary_timeout
    assert await until(dut, "done", 0) == 0
    await until(dut, "done")
    await check_image(dut, user, Cause.CHALLENGE_FORCED)


@cocotb.test()
async def hold_keeps_a_trigger_pending(dut):
    user = await start(dut, seed=3)
    user.writer = lambda cycle: user.random.randrange(WORDS)
    dut.boundary.value = dut.hold.value = 1
    await pulse(dut, "random")
    for _ in range(2 * CONFIG.boundary_timeout):
        await FallingEdge(dut.clk)
        assert (dut.pending.value, dut.instant.value) == (1, 0)
        await RisingEdge(dut.clk)
    dut.hold.value = 0
    assert await until(dut, "instant") == 0
    assert await until(dut, "done") + 1 == INSTANT_TO_ROOT
    await check_image(dut, user, Cause.RANDOM)
