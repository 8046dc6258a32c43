"""The noise source's health tests (SP 800-90B 4.4) and conditioning: parameters, and the cutoffs that follow.

A sample is one bit. Every sample is tested. The first STARTUP_SAMPLES are for the tests alone; of those that follow,
blocks of BLOCK_SAMPLES that are whole windows of the adaptive proportion test are conditioned:

    word 0 ‖ word 1 ‖ word 2 ‖ word 3 = SHAKE256(block, 32 bytes)

The block's first sample is the least significant bit of its first byte; words are little-endian. At the claimed
entropy a block holds 512 bits, 256 more than come out of it: more than the 64 that SP 800-90B 3.1.5.1.2 asks of a
vetted conditioning function for full entropy.
"""

from decimal import ROUND_CEILING, Decimal, localcontext
from math import comb

MIN_ENTROPY = Decimal("0.5")
"""Bits of min-entropy claimed for each sample (H)."""

FALSE_ALARM_LOG2 = 40
"""A source of the claimed entropy fails a test with probability alpha = 2**-FALSE_ALARM_LOG2. SP 800-90B 4.4 allows
20 to 40. The tests run for ever, and a failure ends a chip's signing until it is powered on anew: with 20 even an
ideal source would fail about once a month, after 2**41 samples, one a tick at 60 MHz. With 40 it fails after 2**81 on
average, 8e10 years; one without memory of no more than the claimed entropy after 2**42.3, two months."""

WINDOW_SAMPLES = 1024
"""W of the adaptive proportion test for binary sources (SP 800-90B 4.4.2)."""

STARTUP_SAMPLES = 1024
"""Samples tested before any is used (SP 800-90B 4.3, requirement 5)."""

BLOCK_SAMPLES = 1024
BLOCK_WORDS = 4

_DIGITS = 60
"""Significant digits. Only positive terms are added, so that rounding touches the last few alone."""


def repetition_cutoff(min_entropy: Decimal = MIN_ENTROPY, false_alarm_log2: int = FALSE_ALARM_LOG2) -> int:
    """C of the repetition count test: so many equal samples in a row fail it.

    1 + ceil(-log2(alpha) / H), SP 800-90B 4.4.1.
    """
    return 1 + int((false_alarm_log2 / min_entropy).to_integral_value(ROUND_CEILING))


def proportion_cutoff(
    min_entropy: Decimal = MIN_ENTROPY, false_alarm_log2: int = FALSE_ALARM_LOG2, window: int = WINDOW_SAMPLES
) -> int:
    """C of the adaptive proportion test: so many samples of a window equal to its first, that one included, fail it.

    1 + critbinom(W, 2**-H, 1 - alpha), SP 800-90B 4.4.2: the least C for which a binomial variable of W trials with
    probability 2**-H is C or more with probability alpha at most.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        alpha = Decimal(2) ** -false_alarm_log2
        probability = Decimal(2) ** -min_entropy
        tail, count = Decimal(0), window + 1
        while tail <= alpha:
            count -= 1
            tail += comb(window, count) * probability**count * (1 - probability) ** (window - count)
        return count + 1
