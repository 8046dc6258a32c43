"""One lane of the loss gradient: a power of two for a logit, and the gradient from it."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import MAX_LOSS_SHIFT
from formats.softmax import FRACTION_BITS, POWERS
from rtl.accel.rounding import round_shift, saturate

POWER_BITS = 16
BELOW_BITS = 8 + FRACTION_BITS


def below(largest, logit, shift):
    """How far a logit lies below the largest one, in 1/16 bit; both are in units of 2**-shift bits."""
    difference = (largest - logit)[:8]
    return (difference << (MAX_LOSS_SHIFT - shift)[:3])[:BELOW_BITS]


class SoftmaxLane(wiring.Component):
    """One class of a row; docs/arithmetic.md, "Loss gradient", steps 1, 2, 4 and 5.

    * `largest`, `logit`, `shift`, in a cycle with `enable`: in the next one `power` is 2**-below, in units of 2**-15.
    * `reciprocal`, `exponent`, `is_label`: of the row, stable. `gradient` follows `power` by a cycle, if `enable` is
      still 1.
    """

    enable: In(1)
    largest: In(signed(8))
    logit: In(signed(8))
    shift: In(3)
    power: Out(POWER_BITS)
    reciprocal: In(9)
    exponent: In(5)
    is_label: In(1)
    gradient: Out(signed(8))

    def elaborate(self, platform):
        m = Module()
        table = Array(Const(power, POWER_BITS) for power in POWERS)
        difference = Signal(BELOW_BITS)
        whole = difference[FRACTION_BITS:]
        with m.If(self.enable):
            m.d.comb += difference.eq(below(self.largest, self.logit, self.shift))
        product = Signal(POWER_BITS + 9)
        probability = Signal(signed(POWER_BITS + 10))
        with m.If(self.enable):
            m.d.sync += [
                self.power.eq(Mux(whole < POWER_BITS, table[difference[:FRACTION_BITS]] >> whole[:4], 0)),
                product.eq(self.power * self.reciprocal),
            ]
            m.d.comb += [
                probability.eq(round_shift(Cat(product, Const(0, 1)).as_signed(), (self.exponent + 2)[:5])),
                self.gradient.eq(
                    saturate((probability[:9].as_signed() - Mux(self.is_label, 128, 0))[:10].as_signed(), 8)
                ),
            ]
        return m
