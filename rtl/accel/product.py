"""The matrix product: operand buffers, systolic array, and the rows of sums that leave it."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.descriptor import TILE
from rtl.accel.descriptor import DESCRIPTOR
from rtl.accel.loader import PanelLoader
from rtl.accel.panels import PanelBuffer
from rtl.accel.systolic import SUM, SystolicArray
from rtl.accel.tiling import band_height, tiles_of_band
from rtl.memory.weights import WeightPort

ROW_BUFFER = 32
"""Rows of sums between the array and their consumer: four tiles, so that neither waits for the other at once."""

RESULT_ROW = data.StructLayout(
    {"sums": data.ArrayLayout(SUM, TILE), "column": 16, "block_start": 1, "last": 1},
)
"""Eight sums of a row of the result, from column `column` on. block_start: the first row of a block (tiling.py).
last: of the whole result."""


class MatrixProduct(wiring.Component):
    """op(A) · op(B) of a GEMM descriptor, by an array of `rows` x `columns` elements and buffers of `slots` slots.

    * `start`, `descriptor`: as in OperationPort.
    * `memory`: reads only.
    * `results`: RESULT_ROWs, tile by tile in the order of tiling.py; within a tile row by row.
    * `crowded`: half of the room for rows is taken.
    * `macs`: multiply-accumulates that enter the array in this cycle; m · n · k in all.

    A tile takes k cycles of an 8 x 8 array, or (8 / rows) · (8 / columns) passes of k cycles of a smaller one. It
    starts when its panels are loaded and its rows have room behind the array, and is never interrupted.
    """

    def __init__(self, words: int, rows: int, columns: int, slots: int):
        self.words, self.rows, self.columns, self.slots = words, rows, columns, slots
        super().__init__(
            {
                "start": In(1),
                "descriptor": In(DESCRIPTOR),
                "memory": Out(WeightPort(words)),
                "results": Out(stream.Signature(RESULT_ROW)),
                "crowded": Out(1),
                "macs": Out(range(rows * columns + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        descriptor, slots = self.descriptor, self.slots
        m.submodules.loader = loader = PanelLoader(self.words, slots)
        m.submodules.panels_a = panels_a = PanelBuffer(slots)
        m.submodules.panels_b = panels_b = PanelBuffer(slots)
        m.submodules.array = array = SystolicArray(self.rows, self.columns)
        m.submodules.rows = rows = fifo.SyncFIFOBuffered(width=RESULT_ROW.size, depth=ROW_BUFFER)
        connect(m, loader.memory, flipped(self.memory))
        connect(m, rows.r_stream, flipped(self.results))
        m.d.comb += [loader.start.eq(self.start), loader.descriptor.eq(descriptor)]
        for buffer, write in ((panels_a, loader.write_a), (panels_b, loader.write_b)):
            m.d.comb += [
                buffer.write.eq(write),
                buffer.w_across.eq(loader.across),
                buffer.w_slot.eq(loader.slot),
                buffer.w_lane.eq(loader.lane),
                buffer.w_data.eq(loader.data),
            ]

        # Where the array is: element k of a pass of a tile of a block.
        active = Signal()
        tiles_left = Signal(14)
        tiles = tiles_of_band(m, band_height(m, descriptor.k, slots), tiles_left)
        tile, column, k = Signal(range(4)), Signal(16), Signal(range(slots))
        lane_a, lane_b = Signal(range(TILE)), Signal(range(TILE))
        a_slot, a_half, b_half = Signal(range(slots)), Signal(), Signal()
        reserved = Signal(range(ROW_BUFFER + 1))
        tile_start, may_start, step = Signal(), Signal(), Signal()
        last_k, last_pass, last_tile, last_column = Signal(), Signal(), Signal(), Signal()
        ends_tile, ends_block, ends_band = Signal(), Signal(), Signal()
        m.d.comb += [
            tile_start.eq((k == 0) & (lane_a == 0) & (lane_b == 0)),
            may_start.eq((loader.a_panels > tile) & (loader.b_panels != 0) & (reserved <= ROW_BUFFER - TILE)),
            step.eq(active & (~tile_start | may_start)),
            last_k.eq(k + 1 == descriptor.k),
            last_pass.eq((lane_a == TILE - self.rows) & (lane_b == TILE - self.columns)),
            last_tile.eq(tile + 1 == tiles),
            last_column.eq(column + TILE == descriptor.n),
            ends_tile.eq(step & last_k & last_pass),
            ends_block.eq(ends_tile & last_tile),
            ends_band.eq(ends_block & last_column),
            loader.release_b.eq(ends_block),
            loader.release_a.eq(ends_band),
            loader.release_tiles.eq(tiles),
            panels_a.r_slot.eq(a_slot + k),
            panels_b.r_slot.eq(Mux(b_half, slots // 2, 0) + k),
            self.crowded.eq(rows.level >= ROW_BUFFER // 2),
            self.macs.eq(Mux(step, self.rows * self.columns, 0)),
        ]
        popped = rows.r_en & rows.r_rdy
        m.d.sync += reserved.eq(reserved + Mux(step & tile_start, TILE, 0) - popped)
        with m.If(step):
            m.d.sync += k.eq(k + 1)
            with m.If(last_k):
                m.d.sync += [k.eq(0), lane_b.eq(lane_b + self.columns)]
                with m.If(lane_b == TILE - self.columns):
                    m.d.sync += lane_a.eq(lane_a + self.rows)
        with m.If(ends_tile):
            m.d.sync += [tile.eq(tile + 1), a_slot.eq(a_slot + descriptor.k)]
        with m.If(ends_block):
            m.d.sync += [
                tile.eq(0),
                a_slot.eq(Mux(a_half, slots // 2, 0)),
                b_half.eq(~b_half),
                column.eq(column + TILE),
            ]
        with m.If(ends_band):
            m.d.sync += [
                column.eq(0),
                a_half.eq(~a_half),
                a_slot.eq(Mux(a_half, 0, slots // 2)),
                tiles_left.eq(tiles_left - tiles),
            ]
            with m.If(tiles_left == tiles):
                m.d.sync += active.eq(0)
        with m.If(self.start):
            m.d.sync += [
                active.eq(1),
                tiles_left.eq(descriptor.m >> 3),
                a_slot.eq(0),
                a_half.eq(0),
                b_half.eq(0),
            ]

        # The buffers answer a cycle later.
        fed_a, fed_b = Signal.like(lane_a), Signal.like(lane_b)
        m.d.sync += [
            array.valid.eq(step),
            array.first.eq(k == 0),
            array.last.eq(last_k),
            fed_a.eq(lane_a),
            fed_b.eq(lane_b),
        ]
        m.d.comb += [
            Cat(*array.a).eq(panels_a.r_data.as_value() >> (fed_a << 3)),
            Cat(*array.b).eq(panels_b.r_data.as_value() >> (fed_b << 3)),
        ]
        notes = Signal(data.StructLayout({"column": 16, "block_start": 1, "last": 1, "lane": range(TILE)}))
        m.d.comb += [
            notes.column.eq(column),
            notes.block_start.eq((tile == 0) & (lane_a == 0)),
            notes.last.eq(ends_band & (tiles_left == tiles)),
            notes.lane.eq(lane_b),
        ]
        self._collect(m, array, rows, step & last_k, notes)
        return m

    def _collect(self, m, array, rows, ends_pass, notes):
        """Rows of a pass leave the array one in a cycle, the first columns + 3 cycles after the pass's last step.

        At most three passes are under way, and no two leave at once: a pass has at least 8 cycles.
        """
        kept = Signal(data.ArrayLayout(notes.shape(), 4))
        newest, oldest = Signal(2), Signal(2)
        with m.If(ends_pass):
            m.d.sync += [kept[newest].eq(notes), newest.eq(newest + 1)]
        travelling = Signal(self.columns + 3)
        m.d.sync += travelling.eq(Cat(ends_pass, travelling[:-1]))
        leaving, row = Signal(), Signal(range(max(self.rows, 2)))
        note, result = kept[oldest], Signal(RESULT_ROW)
        with m.If(travelling[-1]):
            m.d.sync += leaving.eq(1)
        emits = Signal()
        m.d.comb += emits.eq(travelling[-1] | leaving)
        with m.If(emits):
            m.d.sync += row.eq(row + 1)
            with m.If(row == self.rows - 1):
                m.d.sync += [row.eq(0), leaving.eq(0), oldest.eq(oldest + 1)]

        # Columns of earlier passes of a smaller array wait here for the rest of their row.
        waiting = [Signal(data.ArrayLayout(SUM, TILE), name=f"waiting_{index}") for index in range(self.rows)]
        m.d.sync += rows.w_en.eq(emits & (note.lane == TILE - self.columns))
        with m.If(emits):
            m.d.sync += [
                result.column.eq(note.column),
                result.block_start.eq(note.block_start & (row == 0)),
                result.last.eq(note.last & (row == self.rows - 1)),
            ]
            with m.Switch(row):
                for index, sums in enumerate(array.sums):
                    with m.Case(index):
                        for column in range(self.columns):
                            for place in range(0, TILE - self.columns, self.columns):
                                with m.If(note.lane == place):
                                    m.d.sync += waiting[index][place + column].eq(sums[column])
                            m.d.sync += result.sums[TILE - self.columns + column].eq(sums[column])
                        for column in range(TILE - self.columns):
                            m.d.sync += result.sums[column].eq(waiting[index][column])
        m.d.comb += rows.w_data.eq(result)
