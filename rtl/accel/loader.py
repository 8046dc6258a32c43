"""Loads panels of both operands of a product from memory, ahead of the systolic array."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import TILE, Flag
from rtl.accel.descriptor import DESCRIPTOR
from rtl.accel.tiling import band_height, tiles_of_band
from rtl.memory.weights import WeightPort

FLAG_A, FLAG_B = (flag.bit_length() - 1 for flag in (Flag.TRANSPOSE_A, Flag.TRANSPOSE_B))


class PanelLoader(wiring.Component):
    """Reads the panels of a GEMM, one word in a cycle, in the order in which tiling.py's blocks need them.

    For each band: A's first panel, B's first, A's others, B's others. A panel waits until there is room for it.

    * `start`, `descriptor`: as in OperationPort.
    * `memory`: reads only.
    * `write_a`, `write_b`, `across`, `slot`, `lane`, `data`: a word for PanelBuffer.
    * `a_panels`, `b_panels`: panels that are completely in the buffer and not released.
    * `release_a` (a band's panels, `release_tiles` of them), `release_b` (one panel): the oldest may be overwritten.
    """

    def __init__(self, words: int, slots: int):
        self.words, self.slots = words, slots
        super().__init__(
            {
                "start": In(1),
                "descriptor": In(DESCRIPTOR),
                "memory": Out(WeightPort(words)),
                "write_a": Out(1),
                "write_b": Out(1),
                "across": Out(1),
                "slot": Out(range(slots)),
                "lane": Out(range(TILE)),
                "data": Out(64),
                "a_panels": Out(range(9)),
                "b_panels": Out(range(3)),
                "release_a": In(1),
                "release_tiles": In(range(5)),
                "release_b": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        descriptor, memory = self.descriptor, self.memory
        height = band_height(m, descriptor.k, self.slots)
        tiles_left = Signal(14)
        tiles = tiles_of_band(m, height, tiles_left)

        # Which panel is being loaded, or is next.
        active, is_b = Signal(), Signal()
        index = Signal(range(5))
        column = Signal(16)
        bands, blocks = Signal(range(3)), Signal(range(3))
        a_half, b_half = Signal(), Signal()
        a_base, b_base = Signal.like(memory.addr), Signal.like(memory.addr)
        a_slot = Signal(range(self.slots))
        across = Signal()
        m.d.comb += across.eq(Mux(is_b, descriptor.flags[FLAG_B], ~descriptor.flags[FLAG_A]))

        # Where in the panel.
        begun = Signal()
        line, offset = Signal.like(memory.addr), Signal.like(memory.addr)
        lane, along = Signal(range(TILE)), Signal(range(self.slots))
        line_now, stride = Signal.like(line), Signal.like(line)
        may_begin, last = Signal(), Signal()
        new_band = Signal()
        m.d.comb += [
            new_band.eq(~is_b & (index == 0)),
            may_begin.eq(Mux(is_b, blocks != 2, ~new_band | (bands != 2))),
            memory.valid.eq(active & (begun | may_begin)),
            line_now.eq(Mux(begun, line, Mux(is_b, b_base, a_base))),
            memory.addr.eq(line_now + offset),
            stride.eq(Mux(is_b, descriptor.b.stride, descriptor.a.stride) >> 3),
        ]
        end_of_line = Signal()
        m.d.comb += [
            end_of_line.eq(~across | (along + TILE == descriptor.k)),
            last.eq(Mux(across, end_of_line & (lane == TILE - 1), along + 1 == descriptor.k)),
        ]
        taken = Signal()
        m.d.comb += taken.eq(memory.valid & memory.ready)
        next_line = Signal.like(line)
        m.d.comb += next_line.eq(line_now + Mux(end_of_line, stride, 0))

        with m.If(taken):
            m.d.sync += [begun.eq(1), line.eq(next_line)]
            with m.If(~begun):
                m.d.sync += [bands.eq(bands + new_band - self.release_a), blocks.eq(blocks + is_b - self.release_b)]
            with m.If(across):
                m.d.sync += [along.eq(along + TILE), offset.eq(offset + 1)]
                with m.If(end_of_line):
                    m.d.sync += [along.eq(0), offset.eq(0), lane.eq(lane + 1)]
            with m.Else():
                m.d.sync += along.eq(along + 1)
        with m.If(~taken | begun):
            m.d.sync += [bands.eq(bands - self.release_a), blocks.eq(blocks - self.release_b)]

        # The next panel.
        with m.If(taken & last):
            m.d.sync += [begun.eq(0), along.eq(0), offset.eq(0), lane.eq(0)]
            base = Mux(across, next_line, Mux(is_b, b_base, a_base) + 1)
            with m.If(is_b):
                m.d.sync += [b_base.eq(base), b_half.eq(~b_half), column.eq(column + TILE)]
            with m.Else():
                m.d.sync += [a_base.eq(base), index.eq(index + 1), a_slot.eq(a_slot + descriptor.k)]
            more_a, more_b = Signal(), Signal()
            m.d.comb += [
                more_a.eq(index + ~is_b < tiles),
                more_b.eq(column + Mux(is_b, TILE, 0) < descriptor.n),
            ]
            with m.If(new_band):
                m.d.sync += is_b.eq(1)
            with m.Elif(more_a):
                m.d.sync += is_b.eq(0)
            with m.Elif(more_b):
                m.d.sync += is_b.eq(1)
            with m.Else():
                m.d.sync += [
                    is_b.eq(0),
                    index.eq(0),
                    column.eq(0),
                    b_base.eq(descriptor.b.address >> 3),
                    a_half.eq(~a_half),
                    a_slot.eq(Mux(a_half, 0, self.slots // 2)),
                    tiles_left.eq(tiles_left - tiles),
                ]
                with m.If(tiles_left == tiles):
                    m.d.sync += active.eq(0)

        # The word read goes to a buffer a cycle later.
        was_last = Signal()
        m.d.sync += [self.write_a.eq(taken & ~is_b), self.write_b.eq(taken & is_b)]
        with m.If(taken):
            m.d.sync += [
                self.across.eq(across),
                self.lane.eq(lane),
                self.slot.eq(Mux(is_b, Mux(b_half, self.slots // 2, 0), a_slot) + along),
                was_last.eq(last),
            ]
        m.d.comb += self.data.eq(memory.r_data)
        a_loaded, b_loaded = Signal(), Signal()
        m.d.comb += [a_loaded.eq(self.write_a & was_last), b_loaded.eq(self.write_b & was_last)]
        m.d.sync += [
            self.a_panels.eq(self.a_panels + a_loaded - Mux(self.release_a, self.release_tiles, 0)),
            self.b_panels.eq(self.b_panels + b_loaded - self.release_b),
        ]

        with m.If(self.start):
            m.d.sync += [
                active.eq(1),
                tiles_left.eq(descriptor.m >> 3),
                a_base.eq(descriptor.a.address >> 3),
                b_base.eq(descriptor.b.address >> 3),
                a_half.eq(0),
                a_slot.eq(0),
                b_half.eq(0),
            ]
        return m
