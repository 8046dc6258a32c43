"""Read-only windows onto 64-bit memories for the CPU's 32-bit bus."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from rtl.bus import MemoryMap, wishbone_signature


class ReadWindow(wiring.Component):
    """Wishbone reads of a 64-bit memory; a write is answered with `err` and changes nothing.

    words: 64-bit words of the memory. name: of the window in the memory map.
    read_valid / read_addr / read_ready: one read request, held until ready; read_data comes in the next cycle.
    A read takes 3 cycles when the memory is ready at once. Reads beyond the memory return zero.
    """

    def __init__(self, words: int, name: str):
        addr_width = ceil_log2(words) + 1
        super().__init__(
            {
                "bus": In(wishbone_signature(addr_width)),
                "read_valid": Out(1),
                "read_addr": Out(range(words)),
                "read_ready": In(1),
                "read_data": In(64),
            }
        )
        self._words = words
        memory_map = MemoryMap(addr_width=addr_width + 2, data_width=8)
        memory_map.add_resource(self, name=(name,), size=words * 8)
        self.bus.memory_map = memory_map

    def elaborate(self, platform):
        m = Module()
        inside = self.bus.adr[1:] < self._words
        m.d.comb += self.read_addr.eq(self.bus.adr[1:])
        m.d.sync += [self.bus.ack.eq(0), self.bus.err.eq(0)]
        fetched = Signal()
        m.d.sync += fetched.eq(0)
        with m.If(self.bus.cyc & self.bus.stb & ~self.bus.ack & ~self.bus.err):
            with m.If(self.bus.we):
                m.d.sync += self.bus.err.eq(1)
            with m.Elif(fetched):
                m.d.sync += [
                    self.bus.dat_r.eq(self.read_data.word_select(self.bus.adr[0], 32)),
                    self.bus.ack.eq(1),
                ]
            with m.Elif(inside):
                m.d.comb += self.read_valid.eq(1)
                m.d.sync += fetched.eq(self.read_ready)
            with m.Else():
                m.d.sync += [self.bus.dat_r.eq(0), self.bus.ack.eq(1)]
        return m
