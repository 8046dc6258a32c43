"""Scenarios on the SPI PHY and a flash at its pins; cocotb runs them (see test_spi_flash_cocotb.py)."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, First, RisingEdge, Timer, ValueChange

from formats.flash import FLASH_BYTES, JEDEC_ID, PROGRAM_BYTES, SECTOR_BYTES
from sim.nor import BUSY, IDLE, Command, Nor, PowerLost

CYCLE_NS = 20
OUTPUT_DELAY_NS = 6
"""From SCK's fall to the part's new output (W25Q32JV: tCLQV)."""
BYTE_LIMIT = 1000
PROGRAM_CYCLES, ERASE_CYCLES = 2000, 6000
BUSY_POLLS = {Command.PAGE_PROGRAM: 27, Command.SECTOR_ERASE: 80}
"""Status answers while it is busy: a poll is two bytes of 35 cycles and five between transactions."""


class Pins:
    """A Nor at the PHY's pins, in SPI mode 0: it takes COPI as SCK rises, and moves CIPO after SCK has fallen.

    received: the bytes of each transaction. The part loses power where the model does, and is silent then.
    """

    def __init__(self, dut, nor):
        self.dut, self.nor = dut, nor
        self.received: list[bytes] = []
        self.powered = True
        cocotb.start_soon(self._run())
        cocotb.start_soon(self._pass_time())

    async def _pass_time(self):
        while self.powered:
            await RisingEdge(self.dut.clk)
            try:
                self.nor.tick(1)
            except PowerLost:
                self.powered = False

    async def _run(self):
        dut = self.dut
        dut.cipo.value = 1
        while True:
            await FallingEdge(dut.cs_n)
            assert dut.sck.value == 0
            await self._transaction()

    async def _transaction(self):
        dut, taken = self.dut, bytearray()
        bits = byte = 0
        while True:
            if bits % 8 == 0:
                answer = self.nor.answer() if self.powered else IDLE
            cocotb.start_soon(self._put(answer >> 7 - bits % 8 & 1))
            await First(RisingEdge(dut.sck), RisingEdge(dut.cs_n))
            if dut.cs_n.value == 1:
                assert dut.sck.value == 0 and bits % 8 == 0, "the part is deselected within a byte"
                self.received.append(bytes(taken))
                if self.powered:
                    self.nor.deselect()
                return
            byte = byte << 1 & 0xFF | int(dut.copi.value)
            bits += 1
            if bits % 8 == 0:
                taken.append(byte)
                if self.powered:
                    self.nor.exchange(byte)
            await First(FallingEdge(dut.sck), ValueChange(dut.copi), ValueChange(dut.cs_n))
            assert dut.sck.value == 0 and dut.cs_n.value == 0, "data or select moved while the clock was high"

    async def _put(self, bit):
        await Timer(OUTPUT_DELAY_NS, "ns")
        self.dut.cipo.value = bit


async def start(dut, nor):
    """Clock, reset, and the part."""
    for name in ("tx__valid", "tx__payload", "rx__ready", "rst"):
        getattr(dut, name).value = 0
    cocotb.start_soon(Clock(dut.clk, CYCLE_NS, "ns").start())
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    return Pins(dut, nor)


async def transact(dut, sent, stalls=None):
    """One transaction; returns the answers. stalls: a source of pauses on both sides, or None."""

    async def pause():
        while stalls is not None and stalls.random() < 0.8:
            await RisingEdge(dut.clk)

    async def give():
        for index, byte in enumerate(sent):
            await pause()
            dut.tx__valid.value = 1
            dut.tx__payload.value = byte | (index == len(sent) - 1) << 8
            await transferred(dut, "tx__ready")
            dut.tx__valid.value = 0

    giver = cocotb.start_soon(give())
    answers = bytearray()
    for _ in sent:
        await pause()
        dut.rx__ready.value = 1
        answers.append(await transferred(dut, "rx__valid"))
        dut.rx__ready.value = 0
    await giver
    return bytes(answers)


async def transferred(dut, name):
    """Waits for the edge at the end of the first cycle in which the signal is 1; returns rx's payload in it."""
    for _ in range(BYTE_LIMIT):
        await FallingEdge(dut.clk)
        if getattr(dut, name).value == 1:
            payload = dut.rx__payload.value.to_unsigned()
            await RisingEdge(dut.clk)
            return payload
    raise AssertionError(f"{name} was not 1 within {BYTE_LIMIT} cycles")


async def read(dut, at, count, stalls=None):
    return (await transact(dut, bytes([Command.READ, *at.to_bytes(3, "big")]) + bytes(count), stalls))[4:]


async def status(dut):
    return (await transact(dut, [Command.READ_STATUS, 0]))[1]


async def change(dut, command, at, content=b"", stalls=None):
    """Write enable and a program or erase; then polls until the part is done. Returns the number of busy answers."""
    await transact(dut, [Command.WRITE_ENABLE], stalls)
    await transact(dut, bytes([command, *at.to_bytes(3, "big")]) + content, stalls)
    for polls in range(500):
        if not await status(dut) & BUSY:
            return polls
    raise AssertionError("busy for ever")


def part(**options):
    content = bytearray(random.Random(1).randbytes(SECTOR_BYTES) * (FLASH_BYTES // SECTOR_BYTES))
    return Nor(content, program_cycles=PROGRAM_CYCLES, erase_cycles=ERASE_CYCLES, **options)


@cocotb.test()
async def identity_and_reads(dut):
    nor = part()
    pins = await start(dut, nor)
    assert (await transact(dut, [Command.JEDEC_ID, 0, 0, 0]))[1:] == JEDEC_ID
    assert await read(dut, 0x12345, 40) == nor.content[0x12345:][:40]
    assert await read(dut, FLASH_BYTES - 3, 6) == nor.content[-3:] + nor.content[:3]
    assert await transact(dut, [Command.FAST_READ, 0, 1, 2, 0, 0]) == bytes([IDLE] * 5) + nor.content[0x102:0x103]
    assert [received[0] for received in pins.received] == [Command.JEDEC_ID, Command.READ, Command.READ]


@cocotb.test()
async def stalls_on_both_sides(dut):
    nor = part()
    pins = await start(dut, nor)
    stalls = random.Random(2)
    for _ in range(12):
        sent = bytes([Command.READ]) + stalls.randbytes(3 + stalls.randrange(12))
        at = int.from_bytes(sent[1:4], "big") % FLASH_BYTES
        expected = (nor.content[at:] + nor.content[:64])[: len(sent) - 4]
        assert (await transact(dut, sent, stalls))[4:] == expected
        await status(dut)
        assert pins.received[-1] == sent


@cocotb.test()
async def program_and_erase(dut):
    nor = part()
    await start(dut, nor)
    stalls = random.Random(3)
    content = stalls.randbytes(PROGRAM_BYTES)
    assert await change(dut, Command.SECTOR_ERASE, 0x3000) == BUSY_POLLS[Command.SECTOR_ERASE]
    assert await read(dut, 0x3000, 300) == b"\xff" * 300
    assert await change(dut, Command.PAGE_PROGRAM, 0x3000, content) == BUSY_POLLS[Command.PAGE_PROGRAM]
    assert await read(dut, 0x3000, PROGRAM_BYTES) == content
    await change(dut, Command.PAGE_PROGRAM, 0x30F8, b"\x00" * 12, stalls)
    assert await read(dut, 0x30F8, 8) + await read(dut, 0x3000, 4) == bytes(12)
    assert await read(dut, 0x3004, 0xF4) == content[4:0xF8]
    assert await read(dut, 0x3100, 4) == b"\xff" * 4
    assert nor.operations == 3


@cocotb.test()
async def power_fails_in_an_erase(dut):
    nor = part(cut_at=1, cut_seed=4)
    pins = await start(dut, nor)
    before = bytes(nor.content)
    await transact(dut, [Command.WRITE_ENABLE])
    await transact(dut, [Command.SECTOR_ERASE, 0, 0x20, 0])
    polls = [await status(dut) for _ in range(60)]
    lost = polls.index(IDLE)
    assert lost == BUSY_POLLS[Command.SECTOR_ERASE] // 2
    assert all(poll == BUSY | 2 for poll in polls[:lost]) and all(poll == IDLE for poll in polls[lost:])
    assert not pins.powered
    assert nor.content[:0x2000] == before[:0x2000] and nor.content[0x3000:] == before[0x3000:]
    assert before[0x2000:0x3000] != nor.content[0x2000:0x3000] != b"\xff" * SECTOR_BYTES
