"""Zeroises accelerator memory at every boot, before anything else may use it."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class MemoryClear(wiring.Component):
    """Writes zero to every word once after reset, one word per cycle that the memory takes.

    words: 64-bit words of the memory. valid / addr / ready: the write. done: 1 from the last write on.
    """

    def __init__(self, words: int):
        super().__init__({"valid": Out(1), "addr": Out(range(words)), "ready": In(1), "done": Out(1)})
        self._words = words

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.valid.eq(~self.done)
        with m.If(self.valid & self.ready):
            m.d.sync += self.addr.eq(self.addr + 1)
            with m.If(self.addr == self._words - 1):
                m.d.sync += self.done.eq(1)
        return m
