"""Divisors of the FPGAs' clock generators, as pure functions: exact, or refused."""

from dataclasses import dataclass
from fractions import Fraction

ECP5_INPUT_MHZ = (8, 400)
ECP5_DETECTOR_MHZ = (10, 400)
ECP5_VCO_MHZ = (400, 800)
ECP5_OUTPUT_MHZ = (Fraction("3.125"), 400)
ECP5_DIVISORS = range(1, 129)
"""Bounds of EHXPLLL: of its input, phase detector, oscillator and output, and of each of its three divisors."""

ICE40_INPUT_MHZ = ICE40_DETECTOR_MHZ = (10, 133)
ICE40_VCO_MHZ = (533, 1066)
ICE40_OUTPUT_MHZ = (16, 275)
ICE40_REFERENCE_DIVISORS, ICE40_FEEDBACK_DIVISORS = range(1, 17), range(1, 129)
ICE40_OUTPUT_SHIFTS = range(1, 7)
"""Bounds of SB_PLL40_CORE and SB_PLL40_PAD with simple feedback; the oscillator is divided by a power of two."""

_ICE40_FILTERS = ((17, 1), (26, 2), (44, 3), (66, 4), (101, 5), (134, 6))
"""Detector frequency up to which, in MHz -> FILTER_RANGE."""


@dataclass(frozen=True)
class Ecp5Pll:
    """Of an EHXPLLL with feedback from CLKOP: output = input / input_divisor * feedback_divisor, and the oscillator
    runs output_divisor times as fast."""

    input_divisor: int
    feedback_divisor: int
    output_divisor: int


@dataclass(frozen=True)
class Ice40Pll:
    """Of an iCE40 PLL with simple feedback: the oscillator runs at input / (divr + 1) * (divf + 1), and the output at
    that / 2**divq."""

    divr: int
    divf: int
    divq: int
    filter_range: int


def ecp5_pll(input_mhz: float, output_mhz: float) -> Ecp5Pll:
    """The divisors that make one frequency of the other, with the fastest phase detector, and then the oscillator
    nearest to the middle of its range. Raises ValueError when there are none."""
    source, target = _exact(input_mhz), _exact(output_mhz)
    found = [
        Ecp5Pll(divisor, feedback, output)
        for divisor, feedback in _ratios(source, target, ECP5_DIVISORS, ECP5_DIVISORS)
        if _within(source / divisor, ECP5_DETECTOR_MHZ)
        for output in ECP5_DIVISORS
        if _within(target * output, ECP5_VCO_MHZ)
    ]
    if not (_within(source, ECP5_INPUT_MHZ) and _within(target, ECP5_OUTPUT_MHZ) and found):
        raise _impossible(input_mhz, output_mhz, "ECP5")
    middle = Fraction(sum(ECP5_VCO_MHZ), 2)
    return min(found, key=lambda pll: (pll.input_divisor, abs(target * pll.output_divisor - middle)))


def ice40_pll(input_mhz: float, output_mhz: float) -> Ice40Pll:
    """As ecp5_pll."""
    source, target = _exact(input_mhz), _exact(output_mhz)
    found = [
        Ice40Pll(divisor - 1, feedback - 1, shift, _filter(source / divisor))
        for shift in ICE40_OUTPUT_SHIFTS
        if _within(target * 2**shift, ICE40_VCO_MHZ)
        for divisor, feedback in _ratios(source, target * 2**shift, ICE40_REFERENCE_DIVISORS, ICE40_FEEDBACK_DIVISORS)
        if _within(source / divisor, ICE40_DETECTOR_MHZ)
    ]
    if not (_within(source, ICE40_INPUT_MHZ) and _within(target, ICE40_OUTPUT_MHZ) and found):
        raise _impossible(input_mhz, output_mhz, "iCE40")
    middle = Fraction(sum(ICE40_VCO_MHZ), 2)
    return min(found, key=lambda pll: (pll.divr, abs(target * 2**pll.divq - middle)))


def _exact(mhz: float) -> Fraction:
    """Frequencies are given in decimal fractions: 33.333 is meant so."""
    return Fraction(str(mhz))


def _within(value: Fraction, bounds: tuple[Fraction | int, Fraction | int]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _ratios(source: Fraction, target: Fraction, divisors: range, multipliers: range) -> list[tuple[int, int]]:
    """Pairs with source / divisor * multiplier == target."""
    ratio = target / source
    found = ((divisor, ratio * divisor) for divisor in divisors if divisor % ratio.denominator == 0)
    return [(divisor, int(multiplier)) for divisor, multiplier in found if multiplier in multipliers]


def _filter(detector_mhz: Fraction) -> int:
    return next(setting for limit, setting in _ICE40_FILTERS if detector_mhz < limit)


def _impossible(input_mhz: float, output_mhz: float, family: str) -> ValueError:
    return ValueError(f"the {family}'s PLL cannot make {output_mhz:g} MHz of {input_mhz:g} MHz exactly")
