"""What Provers may try, and what a plan costs."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.plan import burden
from host.plan.detection import Scenario, chips_involved, inspections_per_period, probability_of_detection
from host.plan.errors import Infeasible, PlanError
from host.plan.strategies import (
    Stockpile,
    before_completion,
    compare_stockpiles,
    compressed_detection,
    detection_of_longer_run,
    samples_for,
    stretched_detection,
)

PLAIN = Scenario(5.76e23, 8.64e19, 1e5, 0.1, 360.0, 30.0, 0.9)


@given(st.floats(1e-6, 0.2), st.floats(1, 100), st.floats(1, 10))
def test_stretching_lowers_detection_but_never_by_a_twentieth(share: float, stretch: float, more: float) -> None:
    samples = samples_for(share, 0.9)
    less, least = (stretched_detection(share, samples, one) for one in (stretch, stretch * more))
    assert 0.9 * 0.95 < least <= less * (1 + 1e-12)
    assert less <= 0.9 * (1 + 1e-9)


@given(st.floats(1, 100))
def test_a_longer_run_is_caught_less_but_little(stretch: float) -> None:
    needed = inspections_per_period(PLAIN)
    longer = detection_of_longer_run(PLAIN, needed, PLAIN.run_days * stretch)
    assert 0.9 * 0.95 < longer <= 0.9 * (1 + 1e-9)


def test_before_completion() -> None:
    half = before_completion(PLAIN, 0.5)
    assert (half.flop_threshold, half.run_days) == (2.88e23, 180)
    assert chips_involved(half) == chips_involved(PLAIN)
    needed = inspections_per_period(half)
    assert needed == pytest.approx(2 * inspections_per_period(PLAIN))
    assert probability_of_detection(PLAIN, needed) == pytest.approx(1 - 0.1**2)


def test_before_completion_needs_a_period() -> None:
    with pytest.raises(Infeasible, match="feasible: monitoring_days 18 or less"):
        before_completion(PLAIN, 0.05)
    with pytest.raises(PlanError, match="fraction of the run"):
        before_completion(PLAIN, 0)


def test_compressed_run_needs_the_chips() -> None:
    few = replace(PLAIN, chips_owned=1000)
    with pytest.raises(Infeasible, match=r"feasible: 6\.667 days or more"):
        compressed_detection(few, 10, 1)
    assert 0 < compressed_detection(few, 10, 6.667) <= 1


def test_one_stockpile_takes_more_than_each_apart() -> None:
    compared = compare_stockpiles(PLAIN, [Stockpile("A", 60_000), Stockpile("B", 39_990), Stockpile("C", 10)])
    assert compared.apart[2][1] is None
    assert compared.together == pytest.approx(inspections_per_period(PLAIN))
    assert compared.apart_total < compared.together
    assert compared.worst_lent_detection < compared.lent_detection < 0.9


def test_many_small_provers_are_not_inspected_apart() -> None:
    """Each too small for the run, together not: apart, nobody looks."""
    compared = compare_stockpiles(PLAIN, [Stockpile(str(index), 10) for index in range(10)])
    assert compared.apart_total == 0
    assert compared.worst_lent_detection == 0
    assert compared.together == inspections_per_period(replace(PLAIN, chips_owned=100))


@given(st.lists(st.integers(20, 10**6), min_size=2, max_size=6))
def test_lending_never_beats_one_stockpile(chips: list[int]) -> None:
    compared = compare_stockpiles(PLAIN, [Stockpile(str(index), owned) for index, owned in enumerate(chips)])
    assert compared.apart_total <= compared.together * (1 + 1e-9)
    assert compared.lent_detection <= 0.9 * (1 + 1e-9)


def test_stockpiles_that_cannot_do_the_run() -> None:
    with pytest.raises(Infeasible, match="this Prover cannot"):
        compare_stockpiles(PLAIN, [Stockpile("A", 5), Stockpile("B", 6)])
    with pytest.raises(PlanError, match="provers: expected at least one"):
        compare_stockpiles(PLAIN, [])


@given(st.integers(1, 300), st.data())
def test_segment_check_is_hypergeometric(segments: int, data: st.DataObject) -> None:
    forged = data.draw(st.integers(0, segments))
    checked = data.draw(st.integers(0, segments))
    exact = 1 - math.comb(segments - forged, checked) / math.comb(segments, checked)
    assert burden.segment_check(segments, forged, checked) == pytest.approx(exact, abs=1e-12)


@given(st.integers(1, 300), st.floats(0.01, 1), st.data())
def test_segments_to_check_is_the_fewest(segments: int, probability: float, data: st.DataObject) -> None:
    forged = data.draw(st.integers(1, segments))
    least = burden.segments_to_check(segments, forged, probability)
    assert burden.segment_check(segments, forged, least) >= probability
    assert burden.segment_check(segments, forged, least - 1) < probability


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: burden.segment_check(0, 0, 0), "transcript_segments: expected 1 or more"),
        (lambda: burden.segment_check(10, 11, 1), "forged_segments: expected 0 to 10"),
        (lambda: burden.segment_check(10, 1, 11), "checked_segments: expected 0 to 10"),
        (lambda: burden.segments_to_check(10, 0, 0.5), "forged_segments: expected 1 or more"),
        (lambda: burden.segments_to_check(10, 1, 0), "probability: expected above 0"),
        (lambda: burden.inspectors(10, 0), "inspections_per_inspector_year: expected"),
        (lambda: burden.longest_freeze_seconds(0.01, 0, 1), "cluster_chips: expected"),
        (lambda: stretched_detection(0, 1, 1), "share: expected"),
        (lambda: stretched_detection(0.1, 1, 0.5), "stretch: expected 1 or more"),
        (lambda: samples_for(0.1, 1), "probability: expected"),
        (lambda: compressed_detection(PLAIN, 1, 0), "days: expected more than 0"),
    ],
)
def test_refusals(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PlanError, match=words):
        call()


def test_stall_and_freeze_are_inverse() -> None:
    assert burden.stall_share(123, 0.7, burden.longest_freeze_seconds(0.2, 123, 0.7)) == pytest.approx(0.2)
