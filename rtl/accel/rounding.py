"""Rounding and saturation as expressions: sim/golden/arithmetic.py in hardware."""

from amaranth.hdl import Const, Mux


def round_shift(value, shift):
    """value / 2**shift for a signed value, rounded to nearest, ties to even; as wide as the value. Shift 0 is exact.

    One shifter and an incrementer: the result is floor(value / 2**shift), plus one if the part shifted out is more
    than half, or half and the floor is odd.
    """
    width = len(value)
    extended = ((value << width).as_signed() >> shift)[: 2 * width]
    floor, rest = extended[width:].as_signed(), extended[:width]
    half, below = rest[-1], rest[:-1].any()
    return (floor + (half & (below | floor[0])))[:width].as_signed()


def saturate(value, bits):
    """A signed value, limited to the range of a signed integer of `bits` bits."""
    width = len(value)
    if width <= bits:
        return value
    outside = (value[bits - 1 :] != 0) & (value[bits - 1 :] != (1 << width - bits + 1) - 1)
    end = Mux(value[-1], Const(-(1 << bits - 1), bits), Const((1 << bits - 1) - 1, bits))
    return Mux(outside, end, value[:bits]).as_signed()
