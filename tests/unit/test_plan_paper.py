"""What Shavit 2023 prints, reproduced; and its printed errors, shown to be errors (docs/paper.md)."""

import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.plan import burden, paper
from host.plan.detection import (
    Scenario,
    inspections_per_period,
    inspections_per_year,
    is_feasible,
    periods,
    probability_of_detection,
    round_up,
    snapshot_probability,
)
from host.plan.presets import MODELS, SCENARIOS
from host.plan.scenario_file import parse
from host.plan.strategies import compressed_detection, guaranteed_flop, threshold_for
from sim.fleet import parameters_for_chips, simulate_detection

CELLS = [
    (model, chips, printed)
    for model, row in paper.TABLE_1_PRINTED.items()
    for chips, printed in zip(paper.TABLE_1_CHIPS, row, strict=True)
]
CHINCHILLA = paper.table_1_scenario("chinchilla", 1e5)
# Before rounding, worked out apart from this code.
RAW = {
    "gpt-3": (242.2, 24336, 2.434e6),
    "chinchilla": (131.5, 13266, 1.327e6),
    "palm": (28.7, 2984, 2.985e5),
    "chinchilla-280b": (6.50, 770.8, 7.719e4),
    "chinchilla-1t": (None, 59.01, 6016),
    "chinchilla-10t": (None, None, 57.6),
}


@pytest.mark.parametrize(("model", "chips", "printed"), CELLS)
def test_table_1_cell(model: str, chips: float, printed: str) -> None:
    assert paper.as_printed(paper.table_1_cell(model, chips)) == printed


@pytest.mark.parametrize("model", MODELS)
def test_table_1_before_rounding(model: str) -> None:
    for chips, raw in zip(paper.TABLE_1_CHIPS, RAW[model], strict=True):
        cell = paper.table_1_cell(model, chips)
        assert cell == raw if raw is None else cell == pytest.approx(raw, rel=2e-3)


@pytest.mark.parametrize("model", MODELS)
def test_table_1_chip_days(model: str) -> None:
    assert float(paper.as_printed(paper.chip_days(model))) == float(paper.CHIP_DAYS_PRINTED[model])
    assert paper.as_printed(paper.chip_days(model) / 365) == paper.CHIPS_FOR_A_YEAR_PRINTED[model]


def test_table_1_has_every_model_and_a_preset_each() -> None:
    assert set(paper.TABLE_1_PRINTED) == set(MODELS)
    for model in MODELS:
        scenario = parse(SCENARIOS[model]).scenario
        assert scenario == paper.table_1_scenario(model, scenario.chips_owned)


def test_table_1_is_not_of_runs_of_30_days() -> None:
    """The caption's T = 30 is the monitoring period: taken as the run's length it gives other numbers."""
    palm = replace(paper.table_1_scenario("palm", 1e3), run_days=30)
    assert inspections_per_year(palm) == pytest.approx(10.05, abs=0.005)  # printed: 29
    assert not is_feasible(replace(paper.table_1_scenario("chinchilla-280b", 1e3), run_days=30))  # printed: 7


def test_table_1_takes_the_snapshots_of_a_period_not_of_the_run() -> None:
    """exp(-f T), as parts of appendix B have it, would give 1.26e4 where 1.33e4 is printed."""
    hit = 5.76e23 / (8.64e19 * 365 * 1e5) * -math.expm1(-0.1 * 365)
    assert paper.as_printed(math.log(0.1) / math.log1p(-hit)) == "1.26e4"


def test_table_1_takes_the_ratio_of_periods_not_its_ceiling() -> None:
    """1/ceil(T/T_m), as appendix B has it, would give 1.24e4 where 1.33e4 is printed."""
    ratio = periods(CHINCHILLA)
    assert paper.as_printed(inspections_per_year(CHINCHILLA) * ratio / math.ceil(ratio)) == "1.24e4"


@pytest.mark.parametrize(("flop", "per_year"), [(9.9e24, 231_559), (1e25, 229_243)])
def test_footnote_5(flop: float, per_year: int) -> None:
    """The printed 232,000 comes of 9.9e24 FLOP; the text's 1e25 gives 229,000."""
    assert round_up(inspections_per_year(paper.footnote_5_scenario(flop))) == per_year


def test_footnote_5_staff() -> None:
    per_year = inspections_per_year(paper.footnote_5_scenario(9.9e24))
    assert round(per_year, -3) == 232_000
    assert burden.inspectors(per_year, 1000) == 232
    assert burden.inspectors(per_year, 1000) < burden.IAEA_INSPECTORS
    assert parse(SCENARIOS["footnote-5"]).scenario == paper.footnote_5_scenario(9.9e24)


def test_figure_2() -> None:
    ratios = paper.figure_2([step / 1000 for step in range(1, 201)], range(1, 101))
    worst = min(ratios, key=lambda key: ratios[key])
    assert worst == (0.2, 100)
    assert ratios[worst] == pytest.approx(0.9703, abs=5e-5)
    assert min(ratios.values()) > 0.95  # "never falls by 5 %"
    assert paper.figure_2([0.2], [1e9])[0.2, 1e9] == pytest.approx(0.9700, abs=5e-5)


def lemma_1(b: float, g: float) -> float:
    """g (1 - b^(1/g)), which lemma 1 says never decreases with g from g = 1 on."""
    return g * -math.expm1(math.log(b) / g)


def test_lemma_1() -> None:
    source = random.Random(1)
    for _ in range(10_000):
        b, g = source.uniform(1e-6, 1 - 1e-6), source.uniform(1, 1000)
        assert lemma_1(b, g * source.uniform(1, 10)) >= lemma_1(b, g) * (1 - 1e-12)


@given(st.floats(0.01, 0.99), st.floats(1, 50))
def test_lemma_1_derivative(b: float, g: float) -> None:
    """1 - exp(-y) - y exp(-y) with y = -ln(b)/g; the printed one lacks the factor ln b."""
    step = 1e-4 * g
    slope = (lemma_1(b, g + step) - lemma_1(b, g - step)) / (2 * step)
    y = -math.log(b) / g
    assert slope == pytest.approx(1 - math.exp(-y) - y * math.exp(-y), abs=1e-6)
    assert 1 - math.exp(-y) - y * math.exp(-y) >= 0
    printed = 1 - math.exp(-y) + math.exp(-y) / g
    assert printed > slope + 1e-3


def test_lemma_1_cannot_start_at_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        lemma_1(0.5, 0)


@pytest.mark.parametrize(("days", "detection"), [(30, 0.879), (10, 0.985), (1, 0.998)])
def test_theorem_1_example(days: float, detection: float) -> None:
    assert compressed_detection(CHINCHILLA, 1000, days) == pytest.approx(detection, abs=5e-4)


@given(st.floats(0.1, 365), st.floats(1.001, 10), st.floats(0.001, 3), st.integers(1, 5000))
def test_theorem_1(days: float, longer: float, rate: float, samples: int) -> None:
    scenario = replace(CHINCHILLA, snapshots_per_chip_day=rate)
    short, long = (compressed_detection(scenario, samples, one) for one in (days, days * longer))
    assert short >= long * (1 - 1e-12)


@pytest.mark.parametrize("miss", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_detection_is_one_minus_the_chance_of_missing_every_period(miss: float, count: int) -> None:
    """Appendix B prints (1 - p_n)^K, the chance of a hit in every period."""
    outcomes = itertools.product((True, False), repeat=count)
    hit = sum(
        math.prod(miss if missed else 1 - miss for missed in outcome) for outcome in outcomes if not all(outcome)
    )
    assert hit == pytest.approx(1 - miss**count)
    scenario = Scenario(1e20, 1e18, 1e3, 1.0, 30.0 * count, 30.0, 0.9)
    alone = 1 - probability_of_detection(replace(scenario, run_days=30, flop_threshold=1e20 / count), 7)
    assert probability_of_detection(scenario, 7) == pytest.approx(1 - alone**count)
    if count > 1:
        assert abs(hit - (1 - miss) ** count) > 0.05


def test_equation_1_is_a_least_number_of_inspections() -> None:
    """Appendix B's last line prints s <=; fewer inspections than s fall short of p."""
    needed = inspections_per_period(CHINCHILLA)
    assert (
        probability_of_detection(CHINCHILLA, needed * 0.99)
        < 0.9
        < probability_of_detection(CHINCHILLA, needed * 1.01)
    )


@pytest.mark.parametrize(("days", "probability"), [(7, 0.503), (30, 0.950), (60, 0.998)])
def test_snapshot_within_days(days: float, probability: float) -> None:
    assert snapshot_probability(replace(CHINCHILLA, monitoring_days=days)) == pytest.approx(probability, abs=5e-4)


@pytest.mark.parametrize(
    ("rate", "per_year"), [(0.01, 48_639), (0.03, 21_243), (0.1, 13_266), (0.3, 12_607), (1, 12_606), (3, 12_606)]
)
def test_sensitivity_to_the_snapshot_rate(rate: float, per_year: int) -> None:
    assert round(inspections_per_year(replace(CHINCHILLA, snapshots_per_chip_day=rate))) == per_year


@pytest.mark.parametrize(("flop", "snapshots"), [(5.76e23, 667), (9.9e24, 11_458), (1e26, 115_741)])
def test_snapshots_of_a_run(flop: float, snapshots: int) -> None:
    assert round(burden.snapshots_of_run(flop, 8.64e19, 0.1)) == snapshots


@pytest.mark.parametrize(
    ("chips", "freeze", "share"), [(1_000, 2, 0.0023), (10_000, 2, 0.023), (25_000, 2, 0.058), (10_000, 0.5, 0.0058)]
)
def test_stall_of_a_cluster(chips: float, freeze: float, share: float) -> None:
    assert burden.stall_share(chips, 0.1, freeze) == pytest.approx(share, rel=0.011)


def test_longest_freeze_within_one_per_cent() -> None:
    assert burden.longest_freeze_seconds(0.01, 10_000, 0.1) == pytest.approx(0.864)


@pytest.mark.parametrize(("memory", "terabytes"), [(80e9, 2.9), (141e9, 5.1), (192e9, 7.0)])
def test_image_storage(memory: float, terabytes: float) -> None:
    assert round(burden.bytes_per_chip_year(0.1, memory) / 1e12, 1) == terabytes


def test_hash_storage() -> None:
    assert round(burden.bytes_per_chip_year(0.1, burden.DIGEST_BYTES), -2) == 1200


@pytest.mark.parametrize(("forged", "checked", "found"), [(1, 100, 0.10), (10, 100, 0.65), (50, 50, 0.93)])
def test_segment_check(forged: int, checked: int, found: float) -> None:
    assert burden.segment_check(1000, forged, checked) == pytest.approx(found, abs=0.005)


@pytest.mark.parametrize(
    ("chips", "days", "replaced", "kept"),
    [(20, 360, 0.933, 0.933), (82, 360, 0.949, 0.954), (100, 30, 0.913, 0.915), (100, 60, 0.912, 0.917)],
)
def test_equation_1_is_conservative(chips: int, days: float, replaced: float, kept: float) -> None:
    """The simulated detection of section 2.7's settings, with s rounded up, with and without replacement."""
    run = parameters_for_chips(chips, chips_owned=1000, snapshots_per_chip_day=0.1, run_days=days, monitoring_days=30)
    scenario = Scenario(**vars(run), detection_probability=0.9)
    needed = round_up(inspections_per_period(scenario))
    for with_replacement, expected in ((True, replaced), (False, kept)):
        estimate = simulate_detection(scenario, needed, 100_000, 1, with_replacement=with_replacement)
        assert estimate.low > 0.9
        assert estimate.probability == pytest.approx(expected, abs=0.006)


def test_twice_the_threshold() -> None:
    assert guaranteed_flop(threshold_for(1e25)) == 1e25
