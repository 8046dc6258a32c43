"""The systolic array: int8 x int8 into int32, output-stationary."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

SUM = signed(32)


class SystolicArray(wiring.Component):
    """`rows` x `columns` processing elements, each of which sums up one element of a product.

    In a cycle with `valid`, it takes one column of A (`a`, an int8 for each row) and one row of B (`b`, one for each
    column): a multiply-accumulate of each element. `first` and `last` mark the ends of an inner product; products may
    follow one another without a gap.

    Operands move one element to the right or down in a cycle. `sums` element (i, j) changes i + j + 2 cycles after
    the input with `last`, and keeps its value until the next product's.
    """

    def __init__(self, rows: int, columns: int):
        self.rows, self.columns = rows, columns
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "a": In(data.ArrayLayout(signed(8), rows)),
                "b": In(data.ArrayLayout(signed(8), columns)),
                "sums": Out(data.ArrayLayout(data.ArrayLayout(SUM, columns), rows)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        operand = data.StructLayout({"valid": 1, "first": 1, "last": 1, "value": signed(8)})

        def entering(value, delay):
            """An input behind `delay` + 1 registers."""
            entry = Signal(operand)
            m.d.comb += [
                entry.valid.eq(self.valid),
                entry.first.eq(self.first),
                entry.last.eq(self.last),
                entry.value.eq(value),
            ]
            for _ in range(delay + 1):
                entry = _moved(m, entry)
            return entry

        down = [entering(self.b[column], column) for column in range(self.columns)]
        for row in range(self.rows):
            right = entering(self.a[row], row)
            for column in range(self.columns):
                total, product = Signal(SUM), Signal(SUM)
                below = down[column]
                m.d.comb += product.eq(Mux(right.first, 0, total) + right.value * below.value)
                with m.If(right.valid):
                    m.d.sync += total.eq(product)
                    with m.If(right.last):
                        m.d.sync += self.sums[row][column].eq(product)
                if column + 1 < self.columns:
                    right = _moved(m, right)
                if row + 1 < self.rows:
                    down[column] = _moved(m, below)
        return m


def _moved(m, operand):
    """The operand a cycle later. Its value moves only when it counts."""
    register = Signal.like(operand, name="moved")
    m.d.sync += register.valid.eq(operand.valid)
    with m.If(operand.valid):
        m.d.sync += [
            register.first.eq(operand.first),
            register.last.eq(operand.last),
            register.value.eq(operand.value),
        ]
    return register
