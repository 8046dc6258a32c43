"""GATHER: rows of a table by a list of indices."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import Flag
from rtl.accel.descriptor import OperationPort
from rtl.memory.weights import WeightPort

INDEX16, NIBBLES = (flag.bit_length() - 1 for flag in (Flag.INDEX16, Flag.NIBBLES))


class RowFinder(wiring.Component):
    """Goes through a GATHER's indices; ahead of the copy, it knows the byte address of the next row.

    * `start`, `descriptor`: as in OperationPort. The memory is only read.
    * `valid`: `address` is that of the next row; `last` says that there is none behind it. `take` moves on.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__(
            {
                **OperationPort(words).members,
                "valid": Out(1),
                "address": Out(32),
                "last": Out(1),
                "take": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        descriptor, memory = self.descriptor, self.memory
        at, group_at = Signal(32), Signal(32)
        index, groups_left, left = Signal(16), Signal(16), Signal(16)
        word, fetched, held = Signal(64), Signal(32), Signal()
        is_wide = descriptor.flags[INDEX16]
        m.d.comb += memory.addr.eq(at >> 3)
        m.d.sync += self.done.eq(self.take & self.last)
        byte = Signal(16)
        m.d.comb += byte.eq(Mux(is_wide, word.word_select(at[1:3], 16), word.word_select(at[:3], 8)))

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [
                        at.eq(descriptor.b.address),
                        group_at.eq(descriptor.b.address),
                        groups_left.eq(descriptor.m),
                        left.eq(descriptor.group),
                        held.eq(0),
                    ]
                    m.next = "FETCH"

            with m.State("FETCH"):
                with m.If(held & (fetched == memory.addr)):
                    m.d.sync += index.eq(Mux(byte < descriptor.k, byte, descriptor.k - 1))
                    m.next = "MULTIPLY"
                with m.Else():
                    m.d.comb += memory.valid.eq(1)
                    with m.If(memory.ready):
                        m.next = "ARRIVE"

            with m.State("ARRIVE"):
                m.d.sync += [word.eq(memory.r_data), fetched.eq(memory.addr), held.eq(1)]
                m.next = "FETCH"

            with m.State("MULTIPLY"):
                m.d.sync += [
                    self.address.eq(descriptor.a.address + index * descriptor.a.stride[:16]),
                    self.last.eq((left == 1) & (groups_left == 1)),
                    at.eq(at + 1 + is_wide),
                    left.eq(left - 1),
                ]
                with m.If(left == 1):
                    following = (group_at + descriptor.b.stride)[:32]
                    m.d.sync += [
                        at.eq(following),
                        group_at.eq(following),
                        groups_left.eq(groups_left - 1),
                        left.eq(descriptor.group),
                    ]
                m.next = "FOUND"

            with m.State("FOUND"):
                m.d.comb += self.valid.eq(1)
                with m.If(self.take):
                    m.next = "FETCH"
                    with m.If(self.last):
                        m.next = "IDLE"
        return m


class GatherUnit(wiring.Component):
    """Executes a GATHER descriptor: OperationPort.

    For each row, one access for each word written and one for each word read: a word more if the row is not aligned,
    and with NIBBLES half as many. The next index is looked up meanwhile.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__(OperationPort(words))

    def elaborate(self, platform):
        m = Module()
        descriptor = self.descriptor
        m.submodules.finder = finder = RowFinder(self.words)
        copy = WeightPort(self.words).create()
        self._share(m, finder, copy)

        nibbles = descriptor.flags[NIBBLES]
        row = Signal.like(copy.addr)
        source, target = Signal.like(copy.addr), Signal.like(copy.addr)
        offset, left, last = Signal(3), Signal(13), Signal()
        m.d.comb += [finder.start.eq(self.start), finder.descriptor.eq(descriptor)]

        # A word of the row: the read word, and the one before if the row is not aligned.
        earlier, current, arrives = Signal(64), Signal(64), Signal()
        word = Signal(64)
        m.d.comb += current.eq(Mux(arrives, copy.r_data, word))
        m.d.sync += arrives.eq(0)
        with m.If(arrives):
            m.d.sync += word.eq(copy.r_data)
        packed = Signal(64)
        m.d.comb += packed.eq(Mux(offset == 0, current, Cat(earlier, current).bit_select(offset * 8, 64)))
        high = Signal()
        spread = [Cat(Const(0, 3), packed.word_select(8 * high + lane, 4), Const(0, 1)) for lane in range(8)]
        m.d.comb += copy.w_data.eq(Mux(nibbles, Cat(*spread), packed))

        with m.If(self.start):
            m.d.sync += row.eq(descriptor.c.address >> 3)
        with m.FSM():
            with m.State("ROW"):
                with m.If(finder.valid):
                    m.d.comb += finder.take.eq(1)
                    m.d.sync += [
                        source.eq(finder.address >> 3),
                        offset.eq(finder.address[:3]),
                        last.eq(finder.last),
                        target.eq(row),
                        row.eq(row + (descriptor.c.stride >> 3)),
                        left.eq(descriptor.n >> 3),
                        high.eq(0),
                    ]
                    m.next = "READ"
                    with m.If(finder.address[:3] != 0):
                        m.next = "LEAD"

            with m.State("LEAD"):
                m.d.comb += [copy.valid.eq(1), copy.addr.eq(source)]
                with m.If(copy.ready):
                    m.d.sync += [source.eq(source + 1), arrives.eq(1)]
                    m.next = "READ"

            with m.State("READ"):
                m.d.comb += [copy.valid.eq(1), copy.addr.eq(source)]
                with m.If(copy.ready):
                    m.d.sync += [source.eq(source + 1), earlier.eq(current), arrives.eq(1)]
                    m.next = "WRITE"

            with m.State("WRITE"):
                m.d.comb += [copy.valid.eq(1), copy.write.eq(1), copy.addr.eq(target)]
                with m.If(copy.ready):
                    m.d.sync += [target.eq(target + 1), left.eq(left - 1), high.eq(nibbles & ~high)]
                    with m.If(left == 1):
                        m.next = "ROW"
                        with m.If(last):
                            m.d.comb += self.done.eq(1)
                    with m.Elif(~nibbles | high):
                        m.next = "READ"
        return m

    def _share(self, m, finder, copy):
        """The finder goes first: it needs a word now and then."""
        memory = self.memory
        m.d.comb += [finder.memory.r_data.eq(memory.r_data), copy.r_data.eq(memory.r_data)]
        with m.If(finder.memory.valid):
            m.d.comb += [
                memory.valid.eq(1),
                memory.addr.eq(finder.memory.addr),
                finder.memory.ready.eq(memory.ready),
            ]
        with m.Else():
            m.d.comb += [
                memory.valid.eq(copy.valid),
                memory.write.eq(copy.write),
                memory.addr.eq(copy.addr),
                memory.w_data.eq(copy.w_data),
                copy.ready.eq(memory.ready),
            ]
