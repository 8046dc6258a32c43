"""The accelerator's scalar arithmetic, elementwise on NumPy arrays: docs/arithmetic.md, "Rounding and saturation"."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.signedinteger[Any]]


def round_shift(values: Integers, shift: int) -> Integers:
    """values / 2**shift, rounded to the nearest integer, ties to the even one. Shift 0 changes nothing.

    The values' type must have room for values + 2**(shift - 1).
    """
    if shift == 0:
        return values
    odd = values >> shift & 1
    return values + ((1 << shift - 1) - 1) + odd >> shift


def saturate(values: Integers, bits: int) -> Integers:
    """Values outside the range of a signed integer of so many bits become its nearest end."""
    return np.minimum(np.maximum(values, -(1 << bits - 1)), (1 << bits - 1) - 1)
