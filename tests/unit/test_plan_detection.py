"""Equation 1 and its inverses: monotonicity, round trips, and refusals that name a value that would do."""

import math
import re
from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from host.plan.detection import (
    Scenario,
    chips_involved,
    days_until_caught,
    hit_probability,
    inspections_per_period,
    inspections_per_year,
    is_feasible,
    largest_flop,
    mean_days_until_caught,
    periods,
    probability_by_day,
    probability_of_detection,
    round_up,
    share_involved,
    smallest_caught_flop,
    whole_inspections_per_period,
)
from host.plan.errors import Infeasible, PlanError

PLAIN = Scenario(5.76e23, 8.64e19, 1e5, 0.1, 365.0, 30.0, 0.9)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Feasible ones, over many orders of magnitude."""
    chips = float(draw(st.integers(10, 10**8)))
    run = draw(st.floats(1, 1000))
    share = 10 ** draw(st.floats(-6, -0.01))
    daily = 10 ** draw(st.floats(15, 21))
    scenario = Scenario(
        flop_threshold=share * chips * daily * run,
        chip_flop_per_day=daily,
        chips_owned=chips,
        snapshots_per_chip_day=10 ** draw(st.floats(-3, 1)),
        run_days=run,
        monitoring_days=run * draw(st.floats(0.01, 1)),
        detection_probability=draw(st.floats(0.01, 0.999)),
    )
    assume(is_feasible(scenario))
    return scenario


GROWTH = st.floats(1.01, 5)


@given(scenarios())
def test_round_trip_of_inspections(scenario: Scenario) -> None:
    needed = inspections_per_period(scenario)
    assert probability_of_detection(scenario, needed) == pytest.approx(scenario.detection_probability)
    assert inspections_per_year(scenario) == pytest.approx(needed * 365 / scenario.monitoring_days)


@given(scenarios())
def test_round_trip_of_the_threshold(scenario: Scenario) -> None:
    caught = smallest_caught_flop(scenario, inspections_per_period(scenario))
    assert caught == pytest.approx(scenario.flop_threshold)


@given(scenarios())
def test_equation_1_as_it_is_written(scenario: Scenario) -> None:
    involved = scenario.flop_threshold / (scenario.chip_flop_per_day * scenario.run_days * scenario.chips_owned)
    hit = involved * (1 - math.exp(-scenario.snapshots_per_chip_day * scenario.monitoring_days))
    assume(1e-4 < hit < 0.999)  # where the plain form does not cancel
    s = (
        math.log(1 - scenario.detection_probability)
        / math.log(1 - hit)
        * scenario.monitoring_days
        / scenario.run_days
    )
    assert inspections_per_period(scenario) == pytest.approx(s)
    assert hit_probability(scenario) == pytest.approx(hit)


@given(scenarios(), GROWTH)
def test_what_takes_more_inspections(scenario: Scenario, growth: float) -> None:
    needed = inspections_per_period(scenario)
    more_chips = replace(scenario, chips_owned=scenario.chips_owned * growth)
    assert inspections_per_period(more_chips) > needed
    surer = replace(scenario, detection_probability=1 - (1 - scenario.detection_probability) / growth)
    assert inspections_per_period(surer) > needed
    rarer = replace(scenario, snapshots_per_chip_day=scenario.snapshots_per_chip_day / growth)
    assert inspections_per_period(rarer) >= needed
    smaller = replace(scenario, flop_threshold=scenario.flop_threshold / growth)
    assert inspections_per_period(smaller) > needed


@given(scenarios(), st.floats(0, 1e6), GROWTH)
def test_more_inspections_catch_more(scenario: Scenario, per_period: float, growth: float) -> None:
    assert probability_of_detection(scenario, per_period * growth) >= probability_of_detection(scenario, per_period)
    assert 0 <= probability_of_detection(scenario, per_period) <= 1


@given(scenarios(), st.floats(0.01, 1e6), GROWTH)
def test_more_inspections_catch_smaller_runs(scenario: Scenario, per_period: float, growth: float) -> None:
    try:
        caught = smallest_caught_flop(scenario, per_period)
    except Infeasible:
        return
    assert smallest_caught_flop(scenario, per_period * growth) < caught < largest_flop(scenario)
    smaller = replace(scenario, flop_threshold=caught)
    if hit_probability(smaller) < 0.999:  # nearer to 1 a float does not hold how near
        assert probability_of_detection(smaller, per_period) == pytest.approx(scenario.detection_probability)


@given(scenarios(), st.floats(0.1, 1e5), st.floats(0.01, 0.99))
def test_days_until_caught(scenario: Scenario, per_period: float, probability: float) -> None:
    day = days_until_caught(scenario, per_period, probability)
    last = probability_by_day(scenario, per_period, scenario.run_days)
    if day is None:
        assert last < probability * (1 + 1e-6)
    else:
        assert day <= scenario.run_days * (1 + 1e-6)
        by_day = probability_by_day(scenario, per_period, day)
        assert by_day >= probability * (1 - 1e-6)
        before = probability_by_day(scenario, per_period, max(0, day - scenario.monitoring_days))
        assert before <= probability * (1 + 1e-6)


@given(scenarios(), st.floats(0.1, 1e4))
def test_mean_days_is_the_mean_of_the_distribution(scenario: Scenario, per_period: float) -> None:
    total = before = 0.0
    for count in range(1, math.floor(periods(scenario) * (1 + 1e-9)) + 1):
        day = count * scenario.monitoring_days
        caught = probability_by_day(scenario, per_period, day)
        total, before = total + day * (caught - before), caught
    mean = mean_days_until_caught(scenario, per_period)
    assert mean == pytest.approx(total / before, rel=1e-4)


def test_nothing_inspected() -> None:
    assert probability_of_detection(PLAIN, 0) == 0
    assert mean_days_until_caught(PLAIN, 0) is None
    assert days_until_caught(PLAIN, 0, 0.5) is None


def test_after_the_run_nothing_is_added() -> None:
    assert probability_by_day(PLAIN, 1000, 29.9) == 0
    assert probability_by_day(PLAIN, 1000, 3650) == probability_by_day(PLAIN, 1000, 365)


@given(st.floats(1e-3, 1e12))
def test_round_up(value: float) -> None:
    assert value * (1 - 1e-12) <= round_up(value) < value + 1
    assert round_up(round_up(value) * (1 + 1e-13)) == round_up(value)


@given(scenarios(), st.floats(1, 1e6))
def test_too_few_chips(scenario: Scenario, growth: float) -> None:
    """What the refusal calls feasible is."""
    short = replace(scenario, chips_owned=chips_involved(scenario) / growth)
    with pytest.raises(Infeasible) as refusal:
        inspections_per_period(short)
    words = re.search(r"feasible: flop_threshold (\S+), or run_days (\S+)$", str(refusal.value))
    assert words, str(refusal.value)
    assert is_feasible(replace(short, flop_threshold=float(words[1])))
    assert share_involved(replace(short, run_days=float(words[2]))) < 1


def test_run_shorter_than_a_period() -> None:
    short = replace(PLAIN, run_days=7)
    for refused in (inspections_per_period, lambda one: smallest_caught_flop(one, 5)):
        with pytest.raises(Infeasible, match=r"run_days 7 is shorter.*monitoring_days 7 or less"):
            refused(short)
    assert is_feasible(replace(short, monitoring_days=7))


@given(scenarios(), st.floats(0, 1))
def test_too_few_inspections(scenario: Scenario, per_period: float) -> None:
    try:
        smallest_caught_flop(scenario, per_period)
    except Infeasible as refusal:
        words = re.search(r"feasible: ([\d,]+) a period$", str(refusal))
        assert words, str(refusal)
        smallest_caught_flop(scenario, int(words[1].replace(",", "")))


@given(scenarios())
def test_more_inspections_than_chips(scenario: Scenario) -> None:
    try:
        assert whole_inspections_per_period(scenario) <= scenario.chips_owned
    except Infeasible as refusal:
        words = re.search(r"feasible: detection_probability (\S+), or more", str(refusal))
        assert words, str(refusal)
        modest = replace(scenario, detection_probability=float(words[1]))
        assert whole_inspections_per_period(modest) <= scenario.chips_owned


@pytest.mark.parametrize("name", [field.name for field in fields(Scenario)])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "30 days", None])
def test_values_out_of_range(name: str, value: object) -> None:
    with pytest.raises(PlanError, match=rf"^{name}: expected "):
        replace(PLAIN, **{name: value})  # type: ignore[arg-type]


def test_certainty() -> None:
    with pytest.raises(PlanError, match=r"detection_probability: .* 0.99 would do"):
        replace(PLAIN, detection_probability=1.0)


def test_negative_inspections() -> None:
    with pytest.raises(PlanError, match="inspections per period: expected 0 or more, found -1"):
        probability_of_detection(PLAIN, -1)
    with pytest.raises(PlanError, match="days: expected 0 or more"):
        probability_by_day(PLAIN, 1, -1)
    with pytest.raises(PlanError, match="probability: expected a number between"):
        days_until_caught(PLAIN, 1, 1)
