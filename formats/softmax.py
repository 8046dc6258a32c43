"""The tables of the LOSS operation: docs/arithmetic.md, "Loss gradient"."""

from math import log2

FRACTION_BITS = 4
"""Differences of logits, and losses, are counted in 1/16 bit."""

MANTISSA_BITS = 6

POWERS = tuple(round(2**15 * 2 ** (-i / 16)) for i in range(16))
"""2**(-i/16), in units of 2**-15."""

RECIPROCALS = tuple(round(2**15 / (i + 64.5)) for i in range(64))
"""1 / (64.5 + i), in units of 2**-15."""

LOGARITHMS = tuple(round(16 * log2((i + 64.5) / 64)) for i in range(64))
"""log2((64.5 + i) / 64), in 1/16."""
