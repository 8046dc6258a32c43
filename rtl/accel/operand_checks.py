"""Whether a descriptor may be executed: formats/descriptor.py's AcceleratorError, in hardware."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import (
    ALLOWED_FLAGS,
    MAX_CLASSES,
    MAX_DECAY,
    MAX_K,
    MAX_LOSS_SHIFT,
    MAX_RATE,
    MAX_SHIFT,
    OPERANDS,
    STATISTICS_BYTES,
    AcceleratorError,
    Flag,
    Opcode,
)
from rtl.accel.descriptor import DESCRIPTOR

ROW_BITS = 18
"""Bytes of a row: at most 4 * 65535."""

END_BITS = 35
"""A begin of 33 bits, a product of 32 and a row."""

ERROR_BITS = 4
CHECK_CYCLES = 18
"""From `start` to `done`, both included, whatever the descriptor."""


def overlaps_window(begin, end, open_begin, open_end):
    """Whether bytes [begin, end) meet the open window, which is empty if its ends are not in order."""
    return (open_begin < open_end) & (begin < open_end) & (open_begin < end)


class OperandChecks(wiring.Component):
    """Checks a descriptor for a memory of `memory_bytes` bytes; CHECK_CYCLES later it says what is wrong with it.

    * `start`: one cycle. `descriptor`, `iteration`, `open_begin`, `open_end`: stable from then until `done`.
    * `done`: one cycle, with `error`, an AcceleratorError; PROGRAM is not found here.
    * `index_address`: with `done`, a GATHER's b.address and what the iteration adds to it.
    """

    def __init__(self, memory_bytes: int):
        self.memory_bytes = memory_bytes
        super().__init__(
            {
                "start": In(1),
                "descriptor": In(DESCRIPTOR),
                "iteration": In(16),
                "open_begin": In(32),
                "open_end": In(32),
                "done": Out(1),
                "error": Out(ERROR_BITS),
                "index_address": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        descriptor = self.descriptor
        self._flag = {flag: descriptor.flags[flag.bit_length() - 1] for flag in Flag}
        self._is = {opcode: descriptor.opcode == opcode for opcode in Opcode}
        bad_opcode, bad_flags, bad_shape = Signal(), Signal(), Signal()
        m.d.comb += [bad_opcode.eq(self._wrong_opcode()), bad_flags.eq(self._wrong_flags())]

        # One multiplier: m * group, iteration * advance, then (rows - 1) * stride of each operand.
        left, right, product = Signal(16), Signal(16), Signal(32)
        gathered, advanced = Signal(32), Signal(32)
        m.d.sync += product.eq(left * right)
        m.d.comb += bad_shape.eq(self._wrong_shape(gathered))

        number = Signal(range(len(OPERANDS) + 1))
        rows, row_bytes, used, written, unit = self._operand(m, number, gathered)
        address = Array(getattr(descriptor, name).address for name in OPERANDS)[number]
        stride = Array(getattr(descriptor, name).stride for name in OPERANDS)[number]
        is_index = self._is[Opcode.GATHER] & (number == OPERANDS.index("b"))
        is_statistics = self._is[Opcode.LOSS] & (number == OPERANDS.index("d"))

        begin, end = Signal(33), Signal(END_BITS)
        begins = Array(Signal(33, name=f"begin_{name}") for name in OPERANDS)
        ends = Array(Signal(END_BITS, name=f"end_{name}") for name in OPERANDS)
        present, changed = Signal(len(OPERANDS)), Signal(len(OPERANDS))
        misaligned, outside, overlapping = Signal(), Signal(), Signal()

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [left.eq(descriptor.m), right.eq(descriptor.group)]
                with m.If(self.start):
                    m.d.sync += [number.eq(0), present.eq(0), changed.eq(0)]
                    m.d.sync += [misaligned.eq(0), outside.eq(0), overlapping.eq(0)]
                    m.next = "ADVANCE"

            with m.State("ADVANCE"):
                m.d.comb += [left.eq(self.iteration), right.eq(descriptor.advance)]
                m.d.sync += gathered.eq(product)
                m.next = "FIRST"

            with m.State("FIRST"):
                m.d.comb += [left.eq(rows - 1), right.eq(stride)]
                m.d.sync += advanced.eq(product)
                m.next = "SUM"

            with m.State("MULTIPLY"):
                m.d.comb += [left.eq(rows - 1), right.eq(stride)]
                m.next = "SUM"

            with m.State("SUM"):
                start = address + Mux(is_index, advanced, 0)
                m.d.sync += [
                    begin.eq(start),
                    end.eq(start + Mux(is_statistics, 0, product) + row_bytes),
                ]
                m.next = "CHECK"

            with m.State("CHECK"):
                with m.If(used):
                    m.d.sync += [
                        begins[number].eq(begin),
                        ends[number].eq(end),
                        present.bit_select(number, 1).eq(1),
                        changed.bit_select(number, 1).eq(written),
                    ]
                    with m.If(self._misaligned(address, stride, unit, is_index, is_statistics)):
                        m.d.sync += misaligned.eq(1)
                    in_window = overlaps_window(begin, end, self.open_begin, self.open_end)
                    with m.If((end > self.memory_bytes) | in_window):
                        m.d.sync += outside.eq(1)
                    meets_itself = written & ~is_statistics & (rows > 1) & (stride < row_bytes)
                    earlier = (begins, ends, present, changed)
                    with m.If(meets_itself | self._meets_others(number, begin, end, written, *earlier)):
                        m.d.sync += overlapping.eq(1)
                m.d.sync += number.eq(number + 1)
                m.next = "MULTIPLY"
                with m.If(number == len(OPERANDS) - 1):
                    m.next = "DONE"

            with m.State("DONE"):
                m.d.comb += [self.done.eq(1), self.index_address.eq(descriptor.b.address + advanced)]
                found = {
                    AcceleratorError.OPCODE: bad_opcode,
                    AcceleratorError.FLAGS: bad_flags,
                    AcceleratorError.SHAPE: bad_shape,
                    AcceleratorError.ALIGNMENT: misaligned,
                    AcceleratorError.BOUNDS: outside,
                    AcceleratorError.OVERLAP: overlapping,
                }
                for error in sorted(found, reverse=True):
                    with m.If(found[error]):
                        m.d.comb += self.error.eq(error)
                m.next = "IDLE"
        return m

    def _wrong_opcode(self):
        descriptor = self.descriptor
        reserved = Cat(descriptor.reserved_1, descriptor.reserved_7, descriptor.reserved_60)
        return ~Cat(*self._is.values()).any() | reserved.any()

    def _wrong_flags(self):
        descriptor, flag, is_ = self.descriptor, self._flag, self._is
        unknown = Const(0, 1)
        for opcode, allowed in ALLOWED_FLAGS.items():
            unknown |= is_[opcode] & (descriptor.flags & ~int(allowed) & 0xFFFF).any()
        stored = flag[Flag.ADD] | flag[Flag.RELU] | flag[Flag.MASK]
        gemm = (
            (flag[Flag.WIDE] & (stored | flag[Flag.UPDATE]))
            | (flag[Flag.UPDATE] & stored)
            | (flag[Flag.MOMENTUM] & ~flag[Flag.UPDATE])
            | (descriptor.shift > MAX_SHIFT)
            | (descriptor.decay > MAX_DECAY)
            | (descriptor.rate > MAX_RATE)
        )
        loss = descriptor.shift > MAX_LOSS_SHIFT
        return unknown | (is_[Opcode.GEMM] & gemm) | (is_[Opcode.LOSS] & loss)

    def _wrong_shape(self, gathered):
        descriptor, is_ = self.descriptor, self._is
        m, n, k = descriptor.m, descriptor.n, descriptor.k
        gemm = (k == 0) | Cat(m[:3], n[:3], k[:3]).any() | (k > MAX_K)
        nibbles = self._flag[Flag.NIBBLES] & n[3]
        gather = (k == 0) | (descriptor.group == 0) | n[:3].any() | nibbles | (gathered > 65535)
        return (
            (m == 0)
            | (n == 0)
            | (is_[Opcode.GEMM] & gemm)
            | (is_[Opcode.GATHER] & gather)
            | (is_[Opcode.LOSS] & (n > MAX_CLASSES))
        )

    def _operand(self, m, number, gathered):
        """Rows, bytes of a row, use, and alignment mask of the operand with a number."""
        descriptor, flag = self.descriptor, self._flag
        m_, n, k = descriptor.m, descriptor.n, descriptor.k
        rows, row_bytes = Signal(16), Signal(ROW_BITS)
        used, written, unit = Signal(), Signal(), Signal(3)
        update = flag[Flag.UPDATE]
        wide_index = flag[Flag.INDEX16]
        row = ((n[:9] + 7) >> 3) << 3
        tables = {
            Opcode.GEMM: (
                (Mux(flag[Flag.TRANSPOSE_A], k, m_), Mux(flag[Flag.TRANSPOSE_A], m_, k), 1, 0, 7),
                (Mux(flag[Flag.TRANSPOSE_B], n, k), Mux(flag[Flag.TRANSPOSE_B], k, n), 1, 0, 7),
                (m_, Mux(flag[Flag.WIDE], n << 2, n), 1, 1, 7),
                (m_, Mux(update, n << 1, n), update | flag[Flag.ADD], update, 7),
                (m_, Mux(update, n << 1, n), flag[Flag.MOMENTUM] | flag[Flag.MASK], update, 7),
            ),
            Opcode.GATHER: (
                (k, Mux(flag[Flag.NIBBLES], n >> 1, n), 1, 0, 0),
                (m_, Mux(wide_index, descriptor.group << 1, descriptor.group), 1, 0, wide_index),
                (gathered, n, 1, 1, 7),
            ),
            Opcode.LOSS: (
                (m_, row, 1, 0, 7),
                (m_, 1, 1, 0, 0),
                (m_, row, 1, 1, 7),
                (1, STATISTICS_BYTES, 1, 1, 7),
            ),
        }
        for opcode, operands in tables.items():
            with m.If(self._is[opcode]):
                with m.Switch(number):
                    for index, values in enumerate(operands):
                        with m.Case(index):
                            targets = (rows, row_bytes, used, written, unit)
                            m.d.comb += [target.eq(value) for target, value in zip(targets, values, strict=True)]
        return rows, row_bytes, used, written, unit

    def _misaligned(self, address, stride, unit, is_index, is_statistics):
        advance = self.descriptor.advance
        checked = Mux(is_statistics, 0, stride)
        return (
            ((address[:3] | checked[:3]) & unit).any()
            | (checked > 65535)
            | (is_index & ((advance[:3] & unit).any() | (advance > 65535)))
        )

    def _meets_others(self, number, begin, end, written, begins, ends, present, changed):
        """Whether it meets an earlier operand and either is written, but for elementwise operations in place."""
        result = Const(0, 1)
        for other in range(len(OPERANDS) - 1):
            met = (begin < ends[other]) & (begins[other] < end) & present[other] & (written | changed[other])
            result |= met & (number != other) & ~self._in_place(number, other, written, changed)
        return result

    def _in_place(self, number, other, written, changed):
        descriptor = self.descriptor
        result = Const(0, 1)
        for opcode, first, second in ((Opcode.LOSS, "a", "c"), (Opcode.GEMM, "c", "d"), (Opcode.GEMM, "c", "e")):
            if OPERANDS.index(first) == other:
                same = getattr(descriptor, first).as_value() == getattr(descriptor, second).as_value()
                is_pair = number == OPERANDS.index(second)
                result |= self._is[opcode] & is_pair & same & ~(written & changed[other])
        return result
