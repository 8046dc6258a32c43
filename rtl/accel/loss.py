"""LOSS: the gradient of the softmax cross-entropy, row by row."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring

from formats.descriptor import MAX_CLASSES
from formats.hashing import WORD_BYTES
from formats.softmax import LOGARITHMS, MANTISSA_BITS, RECIPROCALS
from rtl.accel.descriptor import OperationPort
from rtl.accel.softmax import BELOW_BITS, POWER_BITS, SoftmaxLane, below

TOTAL_BITS = 24
"""A sum of 256 powers, of which not all are 2**15; it is at least 2**15."""

LOWEST_EXPONENT = POWER_BITS - 1
ROW_WORDS = MAX_CLASSES // WORD_BYTES


class LossUnit(wiring.Component):
    """Executes a LOSS descriptor: OperationPort.

    lanes: classes in a cycle: 1, 2, 4 or 8, with a multiplier each. A row of w words takes w reads, a read of its
    label, w writes, and three passes over its words; statistics are read and written once, at the end.
    """

    def __init__(self, words: int, lanes: int = 8):
        if WORD_BYTES % lanes:
            raise ValueError(f"{lanes} lanes: 1, 2, 4 or 8 divide a word")
        self.words, self.lanes = words, lanes
        super().__init__(OperationPort(words))

    def elaborate(self, platform):
        m = Module()
        descriptor, port = self.descriptor, self.memory
        parts = WORD_BYTES // self.lanes

        # The row's logits wait here, so that memory is read once.
        m.submodules.row = row = memory.Memory(shape=64, depth=ROW_WORDS, init=[])
        write, read = row.write_port(), row.read_port(domain="comb")
        word, part = Signal(range(ROW_WORDS)), Signal(range(max(parts, 2)))
        words_of_row = Signal(6)
        last_word, last_part = Signal(), Signal()
        m.d.comb += [
            words_of_row.eq((descriptor.n[:9] + WORD_BYTES - 1) >> 3),
            last_word.eq(word + 1 == words_of_row),
            last_part.eq(part == parts - 1),
            write.data.eq(port.r_data),
            read.addr.eq(word),
        ]

        logits_at, labels_at, target = Signal.like(port.addr), Signal(32), Signal.like(port.addr)
        rows_left = Signal(16)
        label, counted = Signal(8), Signal()
        largest, largest_class, label_logit = Signal(signed(9)), Signal(8), Signal(signed(8))
        total = Signal(TOTAL_BITS)
        exponent, mantissa = Signal(5), Signal(MANTISSA_BITS)
        gradients = Signal(64)
        losses, correct, rows = Signal(32), Signal(16), Signal(16)
        m.d.comb += [counted.eq(label < descriptor.n), port.w_data.eq(gradients)]

        calculates = Signal()
        # Classes of the present word, and of the present part of it.
        present = [word * WORD_BYTES + lane < descriptor.n for lane in range(WORD_BYTES)]
        lanes = []
        for index in range(self.lanes):
            m.submodules[f"lane_{index}"] = lane = SoftmaxLane()
            lanes.append(lane)
            place = (part * self.lanes + index)[:3]
            m.d.comb += [
                lane.enable.eq(calculates),
                lane.largest.eq(largest),
                lane.logit.eq(read.data.word_select(place, 8)),
                lane.shift.eq(descriptor.shift),
                lane.reciprocal.eq(Array(Const(value, 9) for value in RECIPROCALS)[mantissa]),
                lane.exponent.eq(exponent),
                lane.is_label.eq(label == word * WORD_BYTES + place),
            ]

        arrives = Signal()
        m.d.sync += arrives.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [
                        logits_at.eq(descriptor.a.address >> 3),
                        labels_at.eq(descriptor.b.address),
                        target.eq(descriptor.c.address >> 3),
                        rows_left.eq(descriptor.m),
                        losses.eq(0),
                        correct.eq(0),
                        rows.eq(0),
                    ]
                    m.next = "LABEL"

            with m.State("LABEL"):
                m.d.comb += [port.valid.eq(1), port.addr.eq(labels_at >> 3)]
                m.d.sync += [word.eq(0), largest.eq(-129), total.eq(0)]
                with m.If(port.ready):
                    m.next = "TAKE_LABEL"

            with m.State("TAKE_LABEL"):
                m.d.sync += label.eq(port.r_data.word_select(labels_at[:3], 8))
                m.next = "READ"

            with m.State("READ"):
                m.d.comb += [port.valid.eq(1), port.addr.eq(logits_at + word)]
                with m.If(port.ready):
                    m.next = "TAKE"

            with m.State("TAKE"):
                m.d.comb += [write.en.eq(1), write.addr.eq(word)]
                self._take_largest(m, port.r_data, present, word, largest, largest_class)
                with m.If(label[3:] == word):
                    m.d.sync += label_logit.eq(port.r_data.word_select(label[:3], 8).as_signed())
                m.d.sync += word.eq(word + 1)
                m.next = "READ"
                with m.If(last_word):
                    m.d.sync += word.eq(0)
                    m.next = "POWERS"

            with m.State("POWERS"):
                m.d.comb += calculates.eq(1)
                # The lanes' powers of this part are there in the next cycle.
                self._advance(m, word, part, last_part, last_word, "POWERS", "ADD")
                self._note_present(m, present, part, lanes, arrives)

            with m.State("ADD"):
                m.next = "NORMALISE"

            with m.State("NORMALISE"):
                self._normalise(m, total, exponent, mantissa)
                m.next = "GRADIENT"

            with m.State("GRADIENT"):
                m.d.comb += calculates.eq(1)
                m.next = "MULTIPLY"

            with m.State("MULTIPLY"):
                m.d.comb += calculates.eq(1)
                m.next = "SUBTRACT"

            with m.State("SUBTRACT"):
                m.d.comb += calculates.eq(1)
                for index, lane in enumerate(lanes):
                    place = (part * self.lanes + index)[:3]
                    is_class = Array(present)[place]
                    value = Mux(counted & is_class, lane.gradient, 0)
                    m.d.sync += gradients.word_select(place, 8).eq(value)
                m.d.sync += part.eq(part + 1)
                m.next = "GRADIENT"
                with m.If(last_part):
                    m.d.sync += part.eq(0)
                    m.next = "WRITE"

            with m.State("WRITE"):
                m.d.comb += [port.valid.eq(1), port.write.eq(1), port.addr.eq(target + word)]
                with m.If(port.ready):
                    m.d.sync += word.eq(word + 1)
                    m.next = "GRADIENT"
                    with m.If(last_word):
                        m.next = "SUM_UP"

            with m.State("SUM_UP"):
                logarithm = Array(Const(value, 5) for value in LOGARITHMS)[mantissa]
                difference = Signal(BELOW_BITS)
                m.d.comb += difference.eq(below(largest[:8].as_signed(), label_logit, descriptor.shift[:3]))
                with m.If(counted):
                    m.d.sync += [
                        losses.eq(losses + ((exponent - LOWEST_EXPONENT)[:4] << 4) + logarithm + difference),
                        correct.eq(correct + (largest_class == label)),
                        rows.eq(rows + 1),
                    ]
                m.d.sync += [
                    logits_at.eq(logits_at + (descriptor.a.stride >> 3)),
                    labels_at.eq(labels_at + descriptor.b.stride),
                    target.eq(target + (descriptor.c.stride >> 3)),
                    rows_left.eq(rows_left - 1),
                ]
                m.next = "LABEL"
                with m.If(rows_left == 1):
                    m.d.sync += word.eq(0)
                    m.next = "READ_STATISTICS"

            statistics = (descriptor.d.address >> 3) + word
            with m.State("READ_STATISTICS"):
                m.d.comb += [port.valid.eq(1), port.addr.eq(statistics)]
                with m.If(port.ready):
                    m.next = "ADD_STATISTICS"

            with m.State("ADD_STATISTICS"):
                added = Cat((port.r_data[:32] + correct)[:32], (port.r_data[32:] + rows)[:32])
                m.d.sync += gradients.eq(Mux(word == 0, port.r_data + losses, added))
                m.next = "WRITE_STATISTICS"

            with m.State("WRITE_STATISTICS"):
                m.d.comb += [port.valid.eq(1), port.write.eq(1), port.addr.eq(statistics)]
                with m.If(port.ready):
                    m.d.sync += word.eq(1)
                    m.next = "READ_STATISTICS"
                    with m.If(word == 1):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"

        self._add_powers(m, lanes, arrives, total)
        return m

    def _advance(self, m, word, part, last_part, last_word, here, behind):
        m.d.sync += part.eq(part + 1)
        with m.If(last_part):
            m.d.sync += [part.eq(0), word.eq(word + 1)]
            with m.If(last_word):
                m.d.sync += word.eq(0)
                m.next = behind

    def _note_present(self, m, present, part, lanes, arrives):
        """Which lanes' powers count in the next cycle."""
        self._counts = Signal(self.lanes)
        m.d.sync += arrives.eq(1)
        for index in range(self.lanes):
            m.d.sync += self._counts[index].eq(Array(present)[(part * self.lanes + index)[:3]])

    def _add_powers(self, m, lanes, arrives, total):
        with m.If(arrives):
            powers = (Mux(counts, lane.power, 0) for counts, lane in zip(self._counts, lanes, strict=True))
            m.d.sync += total.eq(total + sum(powers))

    def _take_largest(self, m, word_data, present, word, largest, largest_class):
        """Keeps the first of the largest logits so far."""
        bytes_ = data.View(data.ArrayLayout(signed(8), WORD_BYTES), word_data)
        candidates = [(Mux(present[lane], bytes_[lane], -129), Const(lane, 3)) for lane in range(WORD_BYTES)]
        while len(candidates) > 1:
            pairs = zip(candidates[::2], candidates[1::2], strict=True)
            candidates = [
                (Mux(second > first, second, first), Mux(second > first, at_second, at_first))
                for (first, at_first), (second, at_second) in pairs
            ]
        value, lane = candidates[0]
        with m.If(value > largest):
            m.d.sync += [largest.eq(value), largest_class.eq(Cat(lane, word))]

    def _normalise(self, m, total, exponent, mantissa):
        with m.Switch(total[LOWEST_EXPONENT:]):
            for bit in range(TOTAL_BITS - LOWEST_EXPONENT):
                above = TOTAL_BITS - LOWEST_EXPONENT - 1 - bit
                with m.Case("0" * above + "1" + "-" * bit):
                    top = LOWEST_EXPONENT + bit
                    m.d.sync += [exponent.eq(top), mantissa.eq(total[top - MANTISSA_BITS : top])]
