"""The systolic array: int8 x int8 into int32, output-stationary."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

SUM = signed(32)


class SystolicArray(wiring.Component):
    """`rows` x `columns` processing elements, each of which sums up one element of a product.

    In a cycle with `valid`, it takes one column of A (`a`, an int8 for each row) and one row of B (`b`, one for each
    column): a multiply-accumulate of each element. `first` and `last` mark the ends of an inner product; products may
    follow one another without a gap.

    Operands move one element to the right or down in a cycle, whether they are valid or not; their tags move along
    the diagonals. `sums` element (i, j) changes i + j + 3 cycles after the input with `last`, and keeps its value
    until the next product's.
    """

    def __init__(self, rows: int, columns: int):
        self.rows, self.columns = rows, columns
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "a": In(signed(8)).array(rows),
                "b": In(signed(8)).array(columns),
                "sums": Out(SUM).array(rows, columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        right = [self._entering(m, self.a[row], row, self.columns, f"right_{row}") for row in range(self.rows)]
        down = [self._entering(m, self.b[place], place, self.rows, f"down_{place}") for place in range(self.columns)]

        # On diagonal d, tags of the operands that are there; `ended` is a cycle behind.
        diagonals = self.rows + self.columns - 1
        names = ("valid_at", "first_at", "last_at", "ended_at")
        valid, first, last, ended = (Signal(diagonals, name=name) for name in names)
        active = Signal()
        m.d.comb += active.eq(Cat(valid, ended).any())
        m.d.sync += [
            valid.eq(Cat(self.valid, valid)),
            first.eq(Cat(self.first, first)),
            last.eq(Cat(self.last & self.valid, last)),
            ended.eq(last),
        ]
        with m.If(active):
            for row in range(self.rows):
                for column in range(self.columns):
                    diagonal = row + column
                    total = Signal(SUM, name=f"total_{row}_{column}")
                    factors = right[row].word_select(column, 8), down[column].word_select(row, 8)
                    product = factors[0].as_signed() * factors[1].as_signed()
                    with m.If(valid[diagonal]):
                        m.d.sync += total.eq(Mux(first[diagonal], 0, total) + product)
                    with m.If(ended[diagonal]):
                        m.d.sync += self.sums[row][column].eq(total)
        return m

    def _entering(self, m, value, delay, places, name):
        """The bytes of an operand at its `places` elements, the first of them `delay` + 1 cycles after the input."""
        for step in range(delay):
            waiting = Signal(8, name=f"{name}_wait_{step}")
            m.d.sync += waiting.eq(value)
            value = waiting
        moving = Signal(8 * places, name=name)
        m.d.sync += moving.eq(Cat(value, moving))
        return moving
