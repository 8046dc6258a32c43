"""Rounding and saturation as expressions: sim/golden/arithmetic.py in hardware."""

from amaranth.hdl import Cat, Const, Mux


def round_shift(value, shift):
    """value / 2**shift for a signed value, rounded to nearest, ties to even; as wide as the value. Shift 0 is exact.

    Half of what is shifted out is added first, less one unless the result would be odd.
    """
    width = len(value)
    some = shift != 0
    half = (Const(1, width + 1) << shift)[1 : width + 1]
    odd = value.bit_select(shift, 1)
    return ((value + Cat(half, Const(0, 1)).as_signed() - (some & ~odd))[: width + 1].as_signed() >> shift)[
        :width
    ].as_signed()


def saturate(value, bits):
    """A signed value, limited to the range of a signed integer of `bits` bits."""
    width = len(value)
    if width <= bits:
        return value
    outside = (value[bits - 1 :] != 0) & (value[bits - 1 :] != (1 << width - bits + 1) - 1)
    end = Mux(value[-1], Const(-(1 << bits - 1), bits), Const((1 << bits - 1) - 1, bits))
    return Mux(outside, end, value[:bits]).as_signed()
