"""The UART PHY against waveforms made and read by plain Python."""

import gc
import random
import warnings

import pytest
from amaranth.hdl import UnusedElaboratable
from amaranth.sim import Simulator

from rtl.io.uart import UartPhy

DIVISORS = [5, 8, 32]


def frame(byte: int, bit_cycles: float, stop: int = 1) -> list[int]:
    """Line levels, one for each cycle, of a start bit, the byte from its least significant bit on, and a stop bit."""
    bits = [0, *(byte >> i & 1 for i in range(8)), stop]
    return [bits[int(cycle / bit_cycles)] for cycle in range(int(10 * bit_cycles))]


def frames_on(levels: list[int], divisor: int) -> list[tuple[int, int]]:
    """(cycle of the start bit's edge, byte) of each frame; fails on a bit that is not `divisor` equal cycles."""
    frames = []
    cycle = 0
    while cycle < len(levels):
        if levels[cycle]:
            cycle += 1
            continue
        bits = [levels[cycle + i * divisor : cycle + (i + 1) * divisor] for i in range(10)]
        assert all(len(set(bit)) == 1 and len(bit) == divisor for bit in bits)
        assert bits[9][0] == 1
        frames.append((cycle, sum(bit[0] << i for i, bit in enumerate(bits[1:9]))))
        cycle += 10 * divisor
    return frames


class Bench:
    """A PHY under simulation, one coroutine at a time."""

    def __init__(self, divisor: int):
        self.phy = UartPhy(divisor)

    def run(self, bench) -> None:
        simulator = Simulator(self.phy)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()

    async def receive(self, ctx, levels: list[int], ready: int = 1) -> list[int]:
        """Bytes taken while the levels go by on rx_pin."""
        phy, taken = self.phy, []
        ctx.set(phy.rx.ready, ready)
        for level in levels:
            ctx.set(phy.rx_pin, level)
            if ready and ctx.get(phy.rx.valid):
                taken.append(ctx.get(phy.rx.payload))
            await ctx.tick()
        return taken

    async def clear_errors(self, ctx) -> None:
        ctx.set(self.phy.clear_errors, 1)
        await ctx.tick()
        ctx.set(self.phy.clear_errors, 0)

    def errors(self, ctx) -> tuple[int, int]:
        return ctx.get(self.phy.framing_error), ctx.get(self.phy.overrun)


@pytest.mark.parametrize(("divisor", "bit_cycles"), [(5, 5), (8, 8), (32, 32), (32, 31), (32, 33)])
def test_receives_at_the_rate_of_a_sender_up_to_3_percent_off(divisor, bit_cycles):
    source = random.Random(divisor)
    expected = [0x00, 0xFF, 0x55, 0xAA, *source.randbytes(20)]
    levels = [1] * 10
    for byte in expected:
        levels += frame(byte, bit_cycles) + [1] * source.choice([0, 1, 2, 40])
    dut = Bench(divisor)

    async def bench(ctx):
        assert await dut.receive(ctx, levels + [1] * 40) == expected
        assert dut.errors(ctx) == (0, 0)

    dut.run(bench)


@pytest.mark.parametrize("divisor", DIVISORS)
def test_sends_whole_frames_without_a_pause(divisor):
    source = random.Random(divisor)
    expected = [0x00, 0xFF, *source.randbytes(10)]
    dut = Bench(divisor)

    async def bench(ctx):
        tx, levels, pending = dut.phy.tx, [], list(expected)
        for _ in range((10 * divisor + 1) * (len(expected) + 1) + 2 * divisor):
            ctx.set(tx.valid, bool(pending))
            ctx.set(tx.payload, pending[0] if pending else 0)
            levels.append(ctx.get(dut.phy.tx_pin))
            if pending and ctx.get(tx.ready):
                pending.pop(0)
            await ctx.tick()
        frames = frames_on(levels, divisor)
        assert [byte for _, byte in frames] == expected
        first = frames[0][0]
        assert [cycle - first for cycle, _ in frames] == [i * (10 * divisor + 1) for i in range(len(expected))]

    dut.run(bench)


def test_a_byte_without_a_stop_bit_is_dropped_and_flagged():
    dut = Bench(8)
    levels = frame(0x41, 8) + [1] * 8 + frame(0x42, 8, stop=0) + [1] * 100 + frame(0x43, 8) + [1] * 20

    async def bench(ctx):
        assert await dut.receive(ctx, [1] * 10 + levels) == [0x41, 0x43]
        assert dut.errors(ctx) == (1, 0)
        await dut.clear_errors(ctx)
        assert dut.errors(ctx) == (0, 0)

    dut.run(bench)


def test_a_glitch_is_not_a_byte():
    dut = Bench(8)

    async def bench(ctx):
        assert await dut.receive(ctx, [1] * 10 + [0, 0] + [1] * 100 + frame(0x44, 8) + [1] * 20) == [0x44]

    dut.run(bench)


def test_a_byte_that_finds_no_room_is_dropped_and_flagged():
    dut = Bench(8)
    levels = [1] * 10 + [level for byte in (0x61, 0x62) for level in frame(byte, 8) + [1] * 10]

    async def bench(ctx):
        assert await dut.receive(ctx, levels, ready=0) == []
        assert dut.errors(ctx) == (0, 1)
        assert await dut.receive(ctx, frame(0x63, 8) + [1] * 10) == [0x61, 0x63]
        await dut.clear_errors(ctx)
        assert dut.errors(ctx) == (0, 0)

    dut.run(bench)


def test_what_is_sent_is_received_whatever_the_stalls():
    source = random.Random(9)
    data = list(source.randbytes(30))
    dut = Bench(8)

    async def bench(ctx):
        phy, pending, got = dut.phy, list(data), []
        offers = False
        for _ in range(10_000):
            if len(got) == len(data):
                break
            offers = bool(pending) and (offers or source.random() < 0.02)
            takes = source.random() < 0.2
            ctx.set(phy.tx.valid, offers)
            ctx.set(phy.tx.payload, pending[0] if offers else source.getrandbits(8))
            ctx.set(phy.rx.ready, takes)
            ctx.set(phy.rx_pin, ctx.get(phy.tx_pin))
            if offers and ctx.get(phy.tx.ready):
                pending.pop(0)
                offers = False
            if takes and ctx.get(phy.rx.valid):
                got.append(ctx.get(phy.rx.payload))
            await ctx.tick()
        assert got == data

    dut.run(bench)


def refusal(divisor: int) -> str:
    try:
        UartPhy(divisor)
    except ValueError as error:
        return str(error)
    return ""


def test_a_divisor_too_small_to_sample_mid_bit_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        assert "less than 5" in refusal(4)
        gc.collect()
