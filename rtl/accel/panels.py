"""An operand buffer of the matrix product: panels of eight lanes, written along either dimension."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import TILE
from rtl.memory.weights import NO_RW_CHECK

LANES = TILE


class PanelBuffer(wiring.Component):
    """`slots` slots of 8 bytes. A panel's slots are elements k = 0, 1, ... of eight lanes (rows of A, columns of B).

    * `write`: `w_data` goes in. With `w_across` 0 its bytes are lanes 0..7 of slot `w_slot`. With `w_across` 1 they
      are the lane `w_lane` of the eight slots from `w_slot` on, which is a multiple of 8.
    * `r_slot`: `r_data` has the lanes of this slot in the next cycle. A slot must not be read in the cycle in which
      it is written.

    A byte of lane l in slot s lies in bank (s + l) mod 8, so that either kind of word touches each bank once.
    """

    def __init__(self, slots: int):
        self.slots = slots
        super().__init__(
            {
                "write": In(1),
                "w_across": In(1),
                "w_slot": In(range(slots)),
                "w_lane": In(range(LANES)),
                "w_data": In(64),
                "r_slot": In(range(slots)),
                "r_data": Out(data.ArrayLayout(8, LANES)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        turn, read_turn = Signal(range(LANES)), Signal(range(LANES))
        m.d.comb += turn.eq(self.w_slot[:3])
        with m.If(self.w_across):
            m.d.comb += turn.eq(self.w_lane)
        m.d.sync += read_turn.eq(self.r_slot[:3])
        incoming = Signal(data.ArrayLayout(8, LANES))
        banks = Signal(data.ArrayLayout(8, LANES))
        m.d.comb += [
            incoming.eq(_turned(self.w_data, turn, 1)),
            self.r_data.eq(_turned(banks.as_value(), read_turn, -1)),
        ]
        for index in range(LANES):
            bank = memory.Memory(shape=8, depth=self.slots, init=[], attrs=NO_RW_CHECK)
            m.submodules[f"bank_{index}"] = bank
            write, read = bank.write_port(), bank.read_port()
            place = Signal(3, name=f"place_{index}")
            m.d.comb += [
                place.eq(index - turn),
                write.en.eq(self.write),
                write.addr.eq(self.w_slot),
                write.data.eq(incoming[index]),
                read.addr.eq(self.r_slot),
                banks[index].eq(read.data),
            ]
            with m.If(self.w_across):
                m.d.comb += write.addr[:3].eq(place)
        return m


def _turned(word, lanes, direction):
    """A word whose bytes are moved up (direction 1) or down (-1) by so many lanes, around its ends."""
    for bit in range(len(lanes)):
        word = Mux(lanes[bit], word.rotate_left(direction * (8 << bit)), word)
    return word
