"""The noise source's health tests: cutoffs, failures at the exact sample, and the false alarms that they cost."""

import random
from decimal import Decimal
from fractions import Fraction
from math import isqrt, log2

import pytest

from formats.noise import FALSE_ALARM_LOG2, WINDOW_SAMPLES, proportion_cutoff, repetition_cutoff
from rtl.crypto.noise_health import NoiseHealth
from sim.golden.noise_health import (
    binomial_tail,
    proportion_failure,
    proportion_false_alarm,
    repetition_failure,
    repetition_false_alarm,
)
from sim.rtl.block import VerilatedBlock

REPETITION, PROPORTION = 81, 824
ALPHA = Fraction(1, 1 << FALSE_ALARM_LOG2)


@pytest.fixture(scope="module")
def block():
    return VerilatedBlock(NoiseHealth())


def biased(seed: int, ones: float, count: int) -> list[int]:
    source = random.Random(seed)
    return [int(source.random() < ones) for _ in range(count)]


def sticky(cycles: int, failed_at: int | None) -> list[int]:
    """A failure flag in each of the cycles in which one sample is tested, and in one cycle after them."""
    first = cycles + 1 if failed_at is None else failed_at + 1
    return [int(cycle >= first) for cycle in range(cycles + 1)]


def check(block, samples: list[int]) -> tuple[int | None, int | None]:
    """Tests the samples from power-on, one in each cycle; both flags must follow the golden model.

    Returns the indices at which the two tests fail.
    """
    block.power_on()
    failures = (repetition_failure(samples, REPETITION), proportion_failure(samples, PROPORTION))
    flags = block.run(
        {"sample": [*samples, 0], "valid": [1] * len(samples) + [0]}, ["repetition", "proportion", "first"]
    )
    assert flags["repetition"] == sticky(len(samples), failures[0])
    assert flags["proportion"] == sticky(len(samples), failures[1])
    assert flags["first"] == [int(index % WINDOW_SAMPLES == 0) for index in range(len(samples) + 1)]
    return failures


def test_cutoffs_are_those_of_the_chip():
    assert (repetition_cutoff(), proportion_cutoff()) == (REPETITION, PROPORTION)


@pytest.mark.parametrize(
    ("min_entropy", "cutoff"), [("0.2", 941), ("0.4", 840), ("0.6", 748), ("0.8", 664), ("1", 589)]
)
def test_cutoffs_of_the_standard_s_table_2(min_entropy, cutoff):
    assert proportion_cutoff(Decimal(min_entropy), 20, 1024) == cutoff


def test_proportion_cutoff_is_the_least_that_holds_alpha():
    """In rational arithmetic, between rationals that enclose 2**-0.5: the tail grows with the probability."""
    scale = 1 << 64
    below = Fraction(isqrt(scale * scale // 2), scale)
    above = below + Fraction(1, scale)
    assert below * below < Fraction(1, 2) < above * above
    assert binomial_tail(WINDOW_SAMPLES, above, PROPORTION) <= ALPHA
    assert binomial_tail(WINDOW_SAMPLES, below, PROPORTION - 1) > ALPHA


def test_repetition_cutoff_is_the_least_that_holds_alpha():
    """At H = 0.5 the likelier value follows itself C - 1 times with probability 2**(-(C - 1) / 2)."""
    assert Fraction(1, 2) ** ((REPETITION - 1) // 2) == ALPHA
    assert repetition_cutoff(Decimal(1)) == 41
    assert repetition_cutoff(Decimal(1), 20) == 21
    assert repetition_cutoff(Decimal("0.3"), 20) == 1 + 67


def test_false_alarms_of_an_ideal_source():
    """An unbiased source without memory: a failing run begins at one sample in 2**81, and windows never fail."""
    ideal = [Fraction(1, 2), Fraction(1, 2)]
    assert repetition_false_alarm(ideal, REPETITION) == Fraction(1, 1 << 80)
    assert round(log2(proportion_false_alarm(ideal, PROPORTION))) == -298


def test_false_alarms_of_a_source_of_the_claimed_entropy():
    """A given window fails less often than alpha, since the first sample is not always the likelier value."""
    likely = Fraction(isqrt(1 << 127), 1 << 64)
    alarm = proportion_false_alarm([likely, 1 - likely], PROPORTION)
    assert ALPHA / 4 < alarm < ALPHA


@pytest.mark.parametrize("seed", range(4))
def test_honest_source_passes(block, seed):
    assert check(block, biased(seed, 0.5, 20_000)) == (None, None)


@pytest.mark.parametrize("value", [0, 1])
def test_stuck_source_fails_at_the_cutoff(block, value):
    assert check(block, [value] * 2000) == (REPETITION - 1, PROPORTION - 1)


@pytest.mark.parametrize(
    ("ones", "repetition", "proportion"),
    [(0.8, None, 6136), (0.2, None, 9208), (0.9, None, 924), (0.95, 1142, 875), (0.05, 4939, 874)],
)
def test_biased_source_fails_where_the_golden_model_says(block, ones, repetition, proportion):
    assert check(block, biased(7, ones, 10_000)) == (repetition, proportion)


def test_alternating_source_passes_both_tests(block):
    """Neither test of the standard sees it: the claim on entropy must rest on the source's design."""
    assert check(block, [0, 1] * 5000) == (None, None)


@pytest.mark.parametrize("good", [1, 1023, 1024, 5000])
@pytest.mark.parametrize("value", [0, 1])
def test_source_that_fails_late(block, good, value):
    samples = [*biased(good, 0.5, good - 1), 1 - value, *[value] * 3000, *biased(1, 0.5, 500)]
    assert check(block, samples)[0] == good + REPETITION - 1


def test_longest_run_that_passes(block):
    samples = [0] * (REPETITION - 1) + [1] * (REPETITION - 1) + [0, 1] * 100
    assert check(block, samples) == (None, None)
    assert check(block, [0] * REPETITION)[0] == REPETITION - 1


def window(first: int, equal: int) -> list[int]:
    """A window with `equal` samples like its first, the last among them, and no run that is too long."""
    others = [1 - first] * (WINDOW_SAMPLES - equal)
    samples = [first, *[first] * (equal - 2), first]
    for index, other in enumerate(others):
        samples.insert(2 + index * (WINDOW_SAMPLES // len(others)), other)
    return samples


def spread(first: int, equal: int) -> list[int]:
    samples = window(first, equal)
    assert len(samples) == WINDOW_SAMPLES and samples.count(first) == equal and samples[-1] == first
    return samples


@pytest.mark.parametrize("value", [0, 1])
def test_fullest_window_that_passes_and_the_emptiest_that_fails_at_its_last_sample(block, value):
    passing, failing = spread(value, PROPORTION - 1), spread(value, PROPORTION)
    assert proportion_failure(passing * 5, PROPORTION) is None
    assert check(block, passing * 5 + failing) == (None, 6 * WINDOW_SAMPLES - 1)


def test_flags_stay_until_power_on(block):
    block.power_on()
    block.run({"sample": [1] * 1000, "valid": [1] * 1000}, [])
    after = block.run({"sample": biased(3, 0.5, 10_000), "valid": [1] * 10_000}, ["repetition", "proportion"])
    assert all(after["repetition"]) and all(after["proportion"])
    block.reset()
    assert (block.get("repetition"), block.get("proportion")) == (0, 0)
    assert check(block, biased(4, 0.5, 3000)) == (None, None)


@pytest.mark.parametrize("seed", range(4))
def test_samples_count_only_when_valid(block, seed):
    source = random.Random(seed)
    samples = biased(seed, 0.5, 1500) + [seed & 1] * 1400
    cycles = [(sample, 1) for sample in samples]
    for at in sorted((source.randrange(len(cycles)) for _ in range(3000)), reverse=True):
        cycles.insert(at, (source.getrandbits(1), 0))
    block.power_on()
    flags = block.run(
        {"sample": [sample for sample, _ in cycles], "valid": [valid for _, valid in cycles]},
        ["repetition", "proportion"],
    )
    taken = [cycle for cycle, (_, valid) in enumerate(cycles) if valid]
    for name, index in (
        ("repetition", repetition_failure(samples, REPETITION)),
        ("proportion", proportion_failure(samples, PROPORTION)),
    ):
        first = len(cycles) if index is None else taken[index] + 1
        assert flags[name] == [int(cycle >= first) for cycle in range(len(cycles))]
