"""A design that a board can hold and a tool can place in a second, in place of a chip's."""

import sys

from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib import io

from boards.board import Board
from boards.chip import Chip
from boards.flow import tools
from boards.flow.rtlil import design


class Counter(Elaboratable):
    """Counts on a light. bits: of the counter."""

    def __init__(self, bits: int = 24):
        self.bits = bits

    def elaborate(self, platform):
        m = Module()
        count = Signal(self.bits)
        m.d.sync += count.eq(count + 1)
        m.submodules.light = light = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.d.comb += light.o.eq(count[-1])
        return m


def tiny_chip(board: Board, bits: int = 24) -> Chip:
    """What `livetrap build` would build for the board."""
    made = design(Counter(bits), "livetrap", board.platform())
    return Chip(made, 0, b"unsigned", b"slot A", {"firmware_key.pub": b"key"})


def stand_in(name: str, script: str) -> tools.Tool:
    """A tool that is Python text; `sys` is imported."""
    return tools.Tool(name, "pytest", (sys.executable, "-c", f"import sys\n{script}"))
