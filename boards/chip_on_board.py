"""Everything around the chip but pins, clock and noise: what a board adds to it in logic."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.flash import FlashPart
from rtl.io.fuses_in_flash import FusesInFlash
from rtl.io.spi_phy import SpiPhy
from rtl.io.uart import MINIMUM_DIVISOR, UartPhy

MAX_BAUD_ERROR = 0.02
WAKE_SECONDS = 50e-6
"""From a flash's release from power-down to its next command: 3 us (W25Q128JV) to 30 us (N25Q032A), with a margin."""

BUSY_SECONDS = 1.0
"""Longest that a flash can be busy with what was begun before: N25Q032A erases a sector in 0.8 s."""

DESELECT_SECONDS = 60e-9
"""Between two transactions: at least 50 ns (W25Q128JV)."""

STATUS_READ_CYCLES = 70
"""That a status read takes at least, with the SPI clock at a quarter of the chip's."""

LIGHT_BITS = 20
"""A light stays on for 2**LIGHT_BITS cycles after an event, so that it can be seen."""


def uart_divisor(clock_mhz: float, baud: int) -> int:
    """Clock cycles in a bit. Raises ValueError if that gives a rate more than MAX_BAUD_ERROR off."""
    cycles = clock_mhz * 1e6 / baud
    divisor = round(cycles)
    if divisor < MINIMUM_DIVISOR or abs(cycles / divisor - 1) >= MAX_BAUD_ERROR:
        raise ValueError(f"{baud} baud cannot be made of {clock_mhz:g} MHz: a bit has {cycles:.2f} cycles")
    return divisor


class ChipOnBoard(wiring.Component):
    """A chip with UART, flash and fuses.

    chip: has the ports of LivetrapSoC. capturing: 1 while a snapshot is under way in it. clock_mhz, baud: ValueError
    as of uart_divisor. part, fuse_offset: of FusesInFlash.

    rx_pin, tx_pin: of UartPhy. sck, cs_n, copi, cipo: of SpiPhy; SCK has a quarter of the clock's frequency.
    noise: of the chip. lights: on when 1: the fuses are read, and none is being burnt; a byte passes on the link; a
    snapshot is under way.
    """

    rx_pin: In(1, init=1)
    tx_pin: Out(1, init=1)
    sck: Out(1)
    cs_n: Out(1, init=1)
    copi: Out(1)
    cipo: In(1)
    noise: In(stream.Signature(1))
    lights: Out(3)

    def __init__(
        self, chip: wiring.Component, capturing: Value, clock_mhz: float, baud: int, part: FlashPart, fuse_offset: int
    ):
        hertz = clock_mhz * 1e6
        self.chip = chip
        self.capturing = capturing
        self.uart = UartPhy(uart_divisor(clock_mhz, baud))
        self.spi = SpiPhy(divisor=1, deselect_cycles=max(1, round(DESELECT_SECONDS * hertz)))
        status_reads = max(1, round(BUSY_SECONDS * hertz / STATUS_READ_CYCLES))
        self.fuses = FusesInFlash(part, fuse_offset, max(1, round(WAKE_SECONDS * hertz)), status_reads)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.chip = chip = self.chip
        m.submodules.uart = uart = self.uart
        m.submodules.spi = spi = self.spi
        m.submodules.fuses = fuses = self.fuses
        connect(m, uart.rx, chip.link_rx)
        connect(m, chip.link_tx, uart.tx)
        connect(m, chip.flash_tx, fuses.chip_tx)
        connect(m, fuses.chip_rx, chip.flash_rx)
        connect(m, fuses.load, chip.otp_load)
        connect(m, chip.otp_burn, fuses.burns)
        connect(m, fuses.part_tx, spi.tx)
        connect(m, spi.rx, fuses.part_rx)
        connect(m, flipped(self.noise), chip.noise)
        m.d.comb += [
            uart.rx_pin.eq(self.rx_pin),
            self.tx_pin.eq(uart.tx_pin),
            self.sck.eq(spi.sck),
            self.cs_n.eq(spi.cs_n),
            self.copi.eq(spi.copi),
            spi.cipo.eq(self.cipo),
        ]

        link, capture = self._seen(m, uart.rx.valid | uart.tx.valid), self._seen(m, self.capturing)
        m.d.comb += self.lights.eq(Cat(~fuses.store.request & ~fuses.failed, link, capture))
        return m

    def _seen(self, m, event):
        """1 from the cycle after an event on, for 2**LIGHT_BITS cycles."""
        left = Signal(LIGHT_BITS + 1)
        with m.If(event):
            m.d.sync += left.eq(1 << LIGHT_BITS)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return left != 0
