"""What becomes of a product's sums: requantised activations, updated weights, or the sums themselves."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import TILE, Flag
from rtl.accel.descriptor import DESCRIPTOR
from rtl.accel.product import RESULT_ROW
from rtl.accel.rounding import round_shift, saturate
from rtl.accel.systolic import SUM
from rtl.memory.weights import WeightPort

HALF = TILE // 2
"""int16 elements in a word; a row's eight are two halves."""

BYTES = data.ArrayLayout(signed(8), TILE)
SHORTS = data.ArrayLayout(signed(16), HALF)


class Epilogue(wiring.Component):
    """Takes rows of sums in the order of rtl/accel/product.py and does with each what the descriptor says.

    docs/arithmetic.md, "Matrix product". Accesses for a row, one in each cycle in which memory is ready: store 1,
    with ADD or MASK 2, with both 3; wide 4; update 5, with MOMENTUM 9.

    * `start`, `descriptor`, `done`: as in OperationPort.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__(
            {
                "start": In(1),
                "descriptor": In(DESCRIPTOR),
                "rows": In(stream.Signature(RESULT_ROW)),
                "memory": Out(WeightPort(words)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        descriptor, memory = self.descriptor, self.memory
        flag = {each: descriptor.flags[each.bit_length() - 1] for each in Flag}
        update, momentum, wide = flag[Flag.UPDATE], flag[Flag.MOMENTUM], flag[Flag.WIDE]

        # The row in hand: its sums, rounded unless they stay as they are.
        held, finishes = Signal(), Signal()
        sums = [Signal(SUM, name=f"sum_{lane}") for lane in range(TILE)]
        column, is_last = Signal(16), Signal()
        m.d.comb += self.rows.ready.eq(~held | finishes)
        with m.If(self.rows.valid & self.rows.ready):
            incoming = self.rows.payload
            m.d.sync += [held.eq(1), column.eq(incoming.column), is_last.eq(incoming.last)]
            for lane in range(TILE):
                rounded = round_shift(incoming.sums[lane], descriptor.shift[:5])
                m.d.sync += sums[lane].eq(Mux(wide, incoming.sums[lane], rounded))
        with m.Elif(finishes):
            m.d.sync += held.eq(0)

        # Accesses of a row, by number: what, which half, and whether it is a write.
        access = Signal(4)
        is_c, is_d, is_e, half, last = Signal(), Signal(), Signal(), Signal(2), Signal()
        m.d.comb += [memory.valid.eq(held), finishes.eq(memory.valid & memory.ready & last)]
        with m.If(memory.valid & memory.ready):
            m.d.sync += access.eq(Mux(last, 0, access + 1))

        def choose(*steps):
            """The access with each number: operand, half, write."""
            with m.Switch(access):
                for number, (operand, which, write) in enumerate(steps):
                    with m.Case(number):
                        m.d.comb += [operand.eq(1), half.eq(which), memory.write.eq(write)]
                        m.d.comb += last.eq(number == len(steps) - 1)

        reads = {
            (0, 0): [],
            (1, 0): [(is_d, 0, 0)],
            (0, 1): [(is_e, 0, 0)],
            (1, 1): [(is_d, 0, 0), (is_e, 0, 0)],
        }
        with m.If(wide):
            choose(*((is_c, quarter, 1) for quarter in range(4)))
        with m.Elif(update & momentum):
            choose(
                (is_d, 0, 0), (is_e, 0, 0), (is_d, 1, 0), (is_e, 1, 0),
                (is_e, 0, 1), (is_e, 1, 1), (is_d, 0, 1), (is_d, 1, 1), (is_c, 0, 1),
            )  # fmt: skip
        with m.Elif(update):
            choose((is_d, 0, 0), (is_d, 1, 0), (is_d, 0, 1), (is_d, 1, 1), (is_c, 0, 1))
        for (add, mask), before in reads.items():
            with m.Elif((flag[Flag.ADD] == add) & (flag[Flag.MASK] == mask)):
                choose(*before, (is_c, 0, 1))

        self._address(m, column, is_c, is_d, is_e, half, wide, update)
        self._compute(m, sums, flag, is_c, is_d, is_e, half)
        m.d.sync += self.done.eq(finishes & is_last)
        return m

    def _address(self, m, column, is_c, is_d, is_e, half, wide, update):
        """Word addresses by addition: the row's first column, and where its block's first row was."""
        descriptor, memory = self.descriptor, self.memory
        entering = Signal()
        m.d.comb += entering.eq(self.rows.valid & self.rows.ready)
        chosen = []
        for name, is_it in (("c", is_c), ("d", is_d), ("e", is_e)):
            operand = getattr(descriptor, name)
            present = Signal.like(memory.addr, name=f"{name}_present")
            following = Signal.like(memory.addr, name=f"{name}_following")
            block = Signal.like(memory.addr, name=f"{name}_block")
            begin = Signal.like(memory.addr, name=f"{name}_begin")
            payload = self.rows.payload
            m.d.comb += begin.eq(Mux(payload.block_start & (payload.column != 0), block, following))
            with m.If(self.start):
                m.d.sync += following.eq(operand.address >> 3)
            with m.Elif(entering):
                m.d.sync += [present.eq(begin), following.eq(begin + (operand.stride >> 3))]
                with m.If(payload.block_start):
                    m.d.sync += block.eq(begin)
            chosen.append(Mux(is_it, present, 0))
        across = Signal.like(memory.addr)
        with m.If(wide & is_c):
            m.d.comb += across.eq(column >> 1)
        with m.Elif(update & ~is_c):
            m.d.comb += across.eq(column >> 2)
        with m.Else():
            m.d.comb += across.eq(column >> 3)
        m.d.comb += memory.addr.eq((chosen[0] | chosen[1] | chosen[2]) + across + half)

    def _compute(self, m, sums, flag, is_c, is_d, is_e, half):
        descriptor, memory = self.descriptor, self.memory
        wide, update, momentum = flag[Flag.WIDE], flag[Flag.UPDATE], flag[Flag.MOMENTUM]

        # Read data are there in the cycle after the access, and only then.
        arrives_d, arrives_e, of_half = Signal(), Signal(), Signal()
        accepted = Signal()
        m.d.comb += accepted.eq(memory.valid & memory.ready & ~memory.write)
        m.d.sync += [arrives_d.eq(accepted & is_d), arrives_e.eq(accepted & is_e), of_half.eq(half[0])]

        # Store.
        kept_d, kept_e = Signal(64), Signal(64)
        addend, mask = data.View(BYTES, Mux(arrives_d, memory.r_data, kept_d)), Mux(arrives_e, memory.r_data, kept_e)
        stored = Signal(BYTES)
        with m.If(arrives_d & ~update):
            m.d.sync += kept_d.eq(memory.r_data)
        with m.If(arrives_e & ~update):
            m.d.sync += kept_e.eq(memory.r_data)
        with m.If(memory.valid & ~update):
            for lane in range(TILE):
                total, result = Signal(signed(33), name=f"total_{lane}"), Signal(signed(8), name=f"result_{lane}")
                gate = data.View(BYTES, mask)[lane]
                m.d.comb += [
                    total.eq(sums[lane] + Mux(flag[Flag.ADD], addend[lane], 0)),
                    result.eq(saturate(total, 8)),
                ]
                off = (flag[Flag.RELU] & (result < 0)) | (flag[Flag.MASK] & (gate <= 0))
                m.d.comb += stored[lane].eq(Mux(off, 0, result))

        # Update: masters wait in `master` for their velocities, and are changed in place.
        master = Array(Signal(SHORTS, name=f"master_{which}") for which in range(2))
        velocity = Array(Signal(SHORTS, name=f"velocity_{which}") for which in range(2))
        moves, moves_half = Signal(), Signal()
        m.d.sync += [moves.eq(arrives_e & update), moves_half.eq(of_half)]
        read = data.View(SHORTS, memory.r_data)
        with m.If(arrives_d & update):
            for lane in range(HALF):
                step = Signal(signed(32), name=f"step_{lane}")
                m.d.comb += step.eq(Mux(of_half, sums[HALF + lane], sums[lane]))
                m.d.sync += master[of_half][lane].eq(
                    Mux(momentum, read[lane], saturate((read[lane] - step)[:33].as_signed(), 16))
                )
        with m.If(arrives_e & update):
            for lane in range(HALF):
                step, fresh = Signal(signed(32), name=f"push_{lane}"), Signal(signed(34), name=f"fresh_{lane}")
                m.d.comb += [
                    step.eq(Mux(of_half, sums[HALF + lane], sums[lane])),
                    fresh.eq(read[lane] - round_shift(read[lane], descriptor.decay[:4]) + step),
                ]
                m.d.sync += velocity[of_half][lane].eq(saturate(fresh, 16))
        with m.If(moves):
            for lane in range(HALF):
                slower = round_shift(velocity[moves_half][lane], descriptor.rate[:4])
                moved = (master[moves_half][lane] - slower)[:17].as_signed()
                m.d.sync += master[moves_half][lane].eq(saturate(moved, 16))

        copy = Signal(BYTES)
        with m.If(update & is_c):
            for lane in range(TILE):
                m.d.comb += copy[lane].eq(saturate(round_shift(master[lane // HALF][lane % HALF], 8), 8))
        with m.If(wide):
            with m.Switch(half):
                for quarter in range(TILE // 2):
                    with m.Case(quarter):
                        m.d.comb += memory.w_data.eq(Cat(*sums[2 * quarter : 2 * quarter + 2]))
        with m.Elif(~update):
            m.d.comb += memory.w_data.eq(stored)
        with m.Elif(is_c):
            m.d.comb += memory.w_data.eq(copy)
        with m.Elif(is_d):
            m.d.comb += memory.w_data.eq(Mux(half[0], master[1].as_value(), master[0].as_value()))
        with m.Else():
            m.d.comb += memory.w_data.eq(Mux(half[0], velocity[1].as_value(), velocity[0].as_value()))
