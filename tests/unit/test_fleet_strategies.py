"""Each strategy of a Prover: what it gains, and what the countermeasure takes back."""

import math

import pytest

from sim.fleet import FleetError, parameters_for_chips, simulate_detection
from sim.fleet.settings import REFERENCE
from sim.fleet.strategies import (
    STRATEGIES,
    lend,
    report_lost,
    shorten,
    sites,
    stop_early,
    stretch,
    substitute,
    untracked,
    withhold,
)
from sim.fleet.strategies.lend import Inspected

WORLDS = 20_000
RUN = REFERENCE.parameters
DRAWN = REFERENCE.inspections_per_period
ARGUMENTS = (RUN, DRAWN, WORLDS, 11)


@pytest.fixture(scope="module")
def honest():
    return simulate_detection(RUN, DRAWN, WORLDS, seed=1)


def alike(first, second):
    """Their difference is within 4 standard errors."""
    error = math.hypot(*(math.sqrt(e.probability * (1 - e.probability) / e.worlds) for e in (first, second)))
    return abs(first.probability - second.probability) <= 4 * error


def test_registry_covers_the_catalogue():
    assert [strategy.evasion for strategy in STRATEGIES] == [
        "A10",
        "A11",
        "A12",
        "A13",
        "A14",
        "A15",
        "A16",
        "A21",
        "A23",
    ]
    for strategy in STRATEGIES:
        assert any(case.countered for case in strategy.cases)
        for case in strategy.cases:
            assert 0 <= case.simulate(RUN, DRAWN, 50, 1).probability <= 1


def test_serial_check_decides_over_substitution(honest):
    found = [substitute.simulate(*ARGUMENTS, substitution_noticed=noticed) for noticed in (0, 0.5, 0.99, 1)]
    assert found[0].detections == 0
    assert found[1].high < honest.low
    assert found[1].low < found[2].low
    assert alike(found[3], honest)


def test_hiding_every_log_is_the_baseline_and_one_that_slips_out_ends_the_run(honest):
    assert alike(withhold.simulate(*ARGUMENTS, reported_chips=0), honest)
    assert withhold.simulate(RUN, 0, WORLDS, 1, reported_chips=0).detections == 0
    # Without inspections, the reported chip's own snapshots are all there is.
    few = withhold.simulate(RUN, 0, WORLDS, 1, reported_chips=1)
    assert few.by_period[0] == pytest.approx(1 - math.exp(-3), abs=0.01)


def test_stretching_costs_the_verifier_less_than_five_percent():
    # Shavit C.1: b = 0.2, p = 0.9; snapshots are always present (ten a day).
    run = parameters_for_chips(200, chips_owned=1_000, snapshots_per_chip_day=10, run_days=30, monitoring_days=30)
    drawn = 11
    short = stretch.simulate(run, drawn, WORLDS, 1, factor=1)
    assert alike(short, simulate_detection(run, drawn, WORLDS, seed=2))
    for factor in (2, 10, 100):
        long = stretch.simulate(run, drawn, 5_000, 3, factor=factor)
        assert long.low / short.high > 0.95
        exact = 1 - (1 - 0.2 / factor) ** (factor * drawn)
        assert long.low - 0.005 <= exact <= long.high + 0.015


def test_stretching_the_reference_run(honest):
    assert stretch.simulate(RUN, DRAWN, 5_000, 1, factor=10).high / honest.low > 0.95


def test_shortening_raises_detection():
    # Shavit theorem 1 with Chinchilla, C = 1e5, s = 1000: bounds 0.879, 0.985 and 0.998 at 30, 10 and 1 days.
    run = parameters_for_chips(222, chips_owned=10**5, snapshots_per_chip_day=0.1, run_days=30, monitoring_days=30)
    found = [shorten.simulate(run, 1_000, WORLDS, 5, factor=factor) for factor in (1, 3, 30)]
    for estimate, bound in zip(found, (0.879, 0.985, 0.998), strict=True):
        assert estimate.low - 0.002 <= bound <= estimate.high + 0.002
    assert found[0].high < found[1].low < found[1].high < found[2].low


def test_borrowed_chips_escape_unless_all_provers_are_one_stockpile(honest):
    borrowing = {"lenders": 50, "chips_per_lender": 50}
    apart = [
        lend.simulate(*ARGUMENTS, **borrowing, borrowed_share=share, inspected=Inspected.OWNER)
        for share in (0.0, 0.5, 1.0)
    ]
    assert alike(apart[0], honest)
    assert apart[1].high < honest.low
    assert apart[2].detections == 0
    pooled = lend.simulate(*ARGUMENTS, **borrowing, borrowed_share=1.0, inspected=Inspected.POOLED)
    scaled = lend.simulate(
        *ARGUMENTS, **borrowing, borrowed_share=1.0, inspected=Inspected.POOLED, scale_inspections=True
    )
    assert 0.8 < pooled.high < honest.low
    assert scaled.high >= honest.low


def test_stopping_early_escapes_unless_the_threshold_is_halved(honest):
    exposed = [stop_early.simulate(*ARGUMENTS, promised_multiple=1, overrun=overrun) for overrun in (0, 0.01, 0.1, 1)]
    assert exposed[0].detections == 0
    assert exposed[1].high < exposed[2].low < exposed[3].low
    assert alike(exposed[3], honest)
    for overrun in (0, 0.01, 0.1):
        halved = stop_early.simulate(*ARGUMENTS, promised_multiple=2, overrun=overrun)
        assert halved.high >= honest.low
        assert halved.high >= 0.9


def test_sites_matter_only_to_inspectors_who_draw_sites(honest):
    one, many = (sites.simulate(*ARGUMENTS, sites=20, used_sites=used, visited_sites=1) for used in (1, 20))
    assert one.high < 0.5 < honest.low <= many.high
    # One visit to the one site of 20 is enough, 21 of its 500 chips with 100 of the run; (19/20)^12 never see it.
    assert one.low <= 1 - 0.95**12 <= one.high
    for used in (1, 20):
        assert alike(sites.simulate(*ARGUMENTS, sites=20, used_sites=used, visited_sites=None), honest)
        assert alike(
            sites.simulate(RUN, 20, WORLDS, 3, sites=1, used_sites=1, visited_sites=1),
            simulate_detection(RUN, 20, WORLDS, seed=4),
        )


def test_untracked_chips_escape_unless_counted_at_the_source(honest):
    hidden = [untracked.simulate(*ARGUMENTS, untracked_share=share) for share in (0, 0.5, 1)]
    assert alike(hidden[0], honest)
    assert hidden[1].high < honest.low
    assert hidden[2].detections == 0
    counted = untracked.simulate(*ARGUMENTS, untracked_share=1, found_missing=0.05)
    assert counted.low <= 1 - 0.95**100 <= counted.high


def test_reporting_losses_escapes_unless_they_are_counted(honest):
    def lose(**rules):
        return report_lost.simulate(*ARGUMENTS, **rules)

    assert alike(lose(false_reports_per_period=0), honest)
    assert alike(lose(false_reports_per_period=0, annual_loss_rate=0), honest)
    some = lose(false_reports_per_period=5)
    assert lose(false_reports_per_period=10**6).detections == 0 < some.detections
    assert some.high < honest.low
    unlimited = {"false_reports_per_period": 10**6, "annual_loss_rate": 0.01}
    thresholds = [lose(**unlimited, investigation_threshold=count) for count in (40, 20, 12)]
    assert thresholds[0].high < thresholds[1].low < thresholds[1].high < thresholds[2].low
    # A threshold that true losses pass as well says nothing: reporting nothing false is never a lie.
    assert alike(lose(false_reports_per_period=0, investigation_threshold=0), honest)
    # Counting over twelve periods leaves less room than over one.
    window = lose(false_reports_per_period=1, investigation_threshold=130, window_periods=12)
    assert window.low > thresholds[1].high


def test_false_alarms_fall_with_the_threshold():
    alarms = [
        report_lost.false_alarm_probability(RUN, WORLDS, 1, investigation_threshold=count).probability
        for count in (0, 10, 15, 25, 60)
    ]
    assert alarms == sorted(alarms, reverse=True)
    assert alarms[0] > 0.99 and alarms[-1] == 0
    # Poisson with mean 10,000 * (1 - 0.99^(30/365)), twelve times.
    mean = 10_000 * (1 - 0.99 ** (30 / 365))
    within = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(16))
    assert alarms[2] == pytest.approx(1 - within**12, abs=0.01)


@pytest.mark.parametrize(
    "question",
    [
        lambda: substitute.simulate(*ARGUMENTS, substitution_noticed=1.1),
        lambda: withhold.simulate(*ARGUMENTS, reported_chips=101),
        lambda: stretch.simulate(*ARGUMENTS, factor=101),
        lambda: stretch.simulate(*ARGUMENTS, factor=0.5),
        lambda: shorten.simulate(*ARGUMENTS, factor=101),
        lambda: lend.simulate(
            *ARGUMENTS, lenders=1, chips_per_lender=50, borrowed_share=1, inspected=Inspected.POOLED
        ),
        lambda: lend.simulate(
            *ARGUMENTS, lenders=9, chips_per_lender=100, borrowed_share=1, inspected=Inspected.POOLED
        ),
        lambda: stop_early.simulate(*ARGUMENTS, promised_multiple=0.5, overrun=0),
        lambda: sites.simulate(*ARGUMENTS, sites=20, used_sites=21, visited_sites=1),
        lambda: sites.simulate(*ARGUMENTS, sites=1_000, used_sites=1, visited_sites=1),
        lambda: untracked.simulate(*ARGUMENTS, untracked_share=2),
        lambda: report_lost.simulate(*ARGUMENTS, false_reports_per_period=-1),
    ],
)
def test_strategies_that_cannot_be(question):
    with pytest.raises(FleetError, match=r"^[^\n]+$"):
        question()
