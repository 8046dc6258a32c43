"""A chip on a board's pins: what is synthesised for it."""

from typing import Any

from amaranth.hdl import Elaboratable, Instance, Module
from amaranth.lib import io
from amaranth.lib.wiring import connect

from boards.board import Board
from boards.chip_on_board import ChipOnBoard
from boards.clock import BoardClock
from boards.flow.family import Family
from rtl.io.ring_oscillator import LutFamily, RingOscillator
from rtl.soc import LivetrapSoC


def chip_top(board: Board, rom: bytes) -> "BoardTop":
    """The board's chip, with the contents of its boot ROM. Raises ValueError as BoardTop does."""
    chip = LivetrapSoC(board.chip_config(), rom)
    return BoardTop(board, chip, chip.snapshot_registers.capturing)


class BoardTop(Elaboratable):
    """A chip on its board: clock and reset, link, flash with the fuses in it, noise, and lights.

    board: its `platform` is what this is to be elaborated for. chip, capturing: as of ChipOnBoard.
    Raises ValueError for a clock that cannot be made, and for a link that it cannot serve.
    """

    def __init__(self, board: Board, chip: Any, capturing: Any):
        self.board = board
        self.clock = BoardClock(board.family, board.oscillator_mhz, board.clock_mhz, board.oscillator_at_pll_pad)
        self.core = ChipOnBoard(chip, capturing, board.clock_mhz, board.baud, board.flash_part, board.fuse_offset)
        self.rings = RingOscillator(LutFamily.ECP5 if board.family is Family.ECP5 else LutFamily.ICE40)

    def elaborate(self, platform):
        m = Module()
        m.submodules.clock = self.clock
        m.submodules.core = core = self.core
        m.submodules.rings = self.rings
        connect(m, self.rings.noise, core.noise)

        uart, flash = platform.request("uart", 0, dir="-"), _flash(platform)
        self._input(m, "rx", uart.rx, core.rx_pin)
        self._output(m, "tx", uart.tx, core.tx_pin)
        self._output(m, "copi", flash.copi, core.copi)
        self._output(m, "cs", flash.cs, ~core.cs_n)
        self._input(m, "cipo", flash.cipo, core.cipo)
        if self.board.family is Family.ECP5:
            # The pin of the configuration's own clock is reached in no other way.
            m.submodules.sck = Instance("USRMCLK", i_USRMCLKI=core.sck, i_USRMCLKTS=0)
        else:
            self._output(m, "sck", flash.clk, core.sck)
        for name in ("wp", "hold"):
            if hasattr(flash, name):
                self._output(m, name, getattr(flash, name), 0)
        for number, (light, port) in enumerate(zip(core.lights, _leds(platform), strict=False)):
            self._output(m, f"led_{number}", port, light)
        return m

    def _input(self, m, name: str, port, value):
        m.submodules[name] = buffer = io.Buffer("i", port)
        m.d.comb += value.eq(buffer.i)

    def _output(self, m, name: str, port, value):
        """value: 1 if the port is to be asserted, which is a 0 at those that amaranth-boards calls inverted."""
        m.submodules[name] = buffer = io.Buffer("o", port)
        m.d.comb += buffer.o.eq(value)


def _flash(platform):
    """The configuration flash on single data lines."""
    return platform.request("spi_flash" if ("spi_flash", 0) in platform.resources else "spi_flash_1x", 0, dir="-")


def _leds(platform) -> list:
    """As many as there are, in their order."""
    if ("rgb_led", 0) in platform.resources:
        colours = platform.request("rgb_led", 0, dir="-")
        return [colours.g, colours.b, colours.r]
    numbers = (number for number in range(3) if ("led", number) in platform.resources)
    return [platform.request("led", number, dir="-") for number in numbers]
