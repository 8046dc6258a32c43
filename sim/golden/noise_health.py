"""The noise source's health tests and conditioning on lists of bits, written from SP 800-90B 4.4 and FIPS 202."""

from collections.abc import Sequence
from fractions import Fraction
from math import comb

from formats.noise import BLOCK_SAMPLES, BLOCK_WORDS, WINDOW_SAMPLES

from .keccak import shake256


def repetition_failure(samples: Sequence[int], cutoff: int) -> int | None:
    """Index of the sample at which the repetition count test first fails (SP 800-90B 4.4.1), or None."""
    count = 0
    for index, sample in enumerate(samples):
        count = count + 1 if index and sample == samples[index - 1] else 1
        if count >= cutoff:
            return index
    return None


def proportion_failure(samples: Sequence[int], cutoff: int, window: int = WINDOW_SAMPLES) -> int | None:
    """Index of the sample with which the adaptive proportion test's count first reaches the cutoff, or None.

    SP 800-90B 4.4.2, whose step 4 looks at the count at a window's end: the window is the same, the sample an earlier
    one. The last window may be incomplete.
    """
    for begin in range(0, len(samples), window):
        count = 0
        for index in range(begin, min(begin + window, len(samples))):
            count += samples[index] == samples[begin]
            if count >= cutoff:
                return index
    return None


def repetition_false_alarm(probabilities: Sequence[Fraction], cutoff: int) -> Fraction:
    """Probability that a given sample of a source without memory and the cutoff - 1 after it are all equal.

    probabilities: of each value.
    """
    return sum((probability**cutoff for probability in probabilities), Fraction(0))


def proportion_false_alarm(probabilities: Sequence[Fraction], cutoff: int, window: int = WINDOW_SAMPLES) -> Fraction:
    """Probability that the adaptive proportion test fails in a given window of a source without memory.

    probabilities: of each value. The window's first sample has any of the values; the others are compared with it.
    """
    return sum(
        (probability * binomial_tail(window - 1, probability, cutoff - 1) for probability in probabilities),
        Fraction(0),
    )


def binomial_tail(trials: int, probability: Fraction, least: int) -> Fraction:
    """Probability that at least `least` of the trials succeed."""
    successes, failures = probability.numerator, probability.denominator - probability.numerator
    counts = range(least, trials + 1)
    ways = sum(comb(trials, count) * successes**count * failures ** (trials - count) for count in counts)
    return Fraction(ways, probability.denominator**trials)


def conditioned(block: Sequence[int]) -> list[int]:
    """The words of one block of samples (formats/noise.py). Raises ValueError unless it has BLOCK_SAMPLES of them."""
    if len(block) != BLOCK_SAMPLES:
        raise ValueError(f"a block of {len(block)} samples, not {BLOCK_SAMPLES}")
    raw = sum(sample << index for index, sample in enumerate(block)).to_bytes(BLOCK_SAMPLES // 8, "little")
    output = shake256(raw, 8 * BLOCK_WORDS)
    return [int.from_bytes(output[at : at + 8], "little") for at in range(0, len(output), 8)]
