"""The simulated worlds against equation 1, exact sums and the requirements' Monte Carlo figures."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from host.plan.detection import Scenario, probability_of_detection
from sim.fleet import FleetError, parameters_for_chips, simulate_detection, tables, wilson_interval
from sim.fleet.__main__ import main
from sim.fleet.closed_form import equation_one, whole_inspections_per_period
from sim.fleet.parameters import chips_involved
from sim.fleet.settings import FOUR_CASES, REFERENCE, TWENTY_SETTINGS
from sim.fleet.sweep import Task, sweep
from sim.fleet.tables import comparison
from sim.fleet.world import missed_probability

WORLDS = 20_000


@pytest.mark.parametrize("setting", TWENTY_SETTINGS, ids=lambda setting: setting.name)
def test_twenty_settings_detect_what_equation_one_promises(setting):
    found = simulate_detection(setting.parameters, setting.inspections_per_period, WORLDS, seed=8)
    assert found.low <= found.probability <= found.high
    assert found.high >= equation_one(setting.parameters, setting.inspections_per_period)


# Drawn with and without repeats; figures printed to three digits from an unstated number of worlds.
@pytest.mark.parametrize(
    ("setting", "with_repeats", "without"),
    list(zip(FOUR_CASES, (0.933, 0.949, 0.913, 0.912), (0.933, 0.954, 0.915, 0.917), strict=True)),
)
def test_monte_carlo_figures_of_the_requirements(setting, with_repeats, without):
    for printed, repeats in ((with_repeats, True), (without, False)):
        found = simulate_detection(
            setting.parameters, setting.inspections_per_period, 100_000, seed=2, with_replacement=repeats
        )
        # The printed figures are estimates too: room for 10,000 worlds' interval and the rounding.
        low, high = wilson_interval(round(printed * 10_000), 10_000)
        assert found.high >= low - 0.0005 and found.low <= high + 0.0005


def test_the_same_question_to_the_planner():
    for setting in TWENTY_SETTINGS:
        parameters = setting.parameters
        scenario = Scenario(
            **{name: getattr(parameters, name) for name in parameters.__dataclass_fields__}, detection_probability=0.9
        )
        promised = probability_of_detection(scenario, setting.inspections_per_period)
        assert equation_one(parameters, setting.inspections_per_period) == pytest.approx(promised, rel=1e-9)
        assert simulate_detection(scenario, 1, 100, seed=1) == simulate_detection(parameters, 1, 100, seed=1)


def exact_single_period(parameters, inspections):
    """1 - E[exp(-f T J)], J involved chips among those drawn: hypergeometric."""
    chips, involved = int(parameters.chips_owned), chips_involved(parameters)
    silent = math.exp(-parameters.snapshots_per_chip_day * parameters.run_days)
    ways = sum(
        math.comb(involved, drawn) * math.comb(chips - involved, inspections - drawn) * silent**drawn
        for drawn in range(min(involved, inspections) + 1)
    )
    return 1 - ways / math.comb(chips, inspections)


@pytest.mark.parametrize(
    ("involved", "owned", "inspections"), [(100, 1_000, 24), (5, 20, 7), (19, 20, 2), (1, 50, 31)]
)
@pytest.mark.parametrize("run_days", [30, 3])
def test_one_period_against_the_exact_sum(involved, owned, inspections, run_days):
    parameters = parameters_for_chips(
        involved, chips_owned=owned, snapshots_per_chip_day=0.1, run_days=run_days, monitoring_days=30
    )
    exact = exact_single_period(parameters, inspections)
    found = simulate_detection(parameters, inspections, 100_000, seed=3)
    assert abs(found.probability - exact) < 4 * math.sqrt(exact * (1 - exact) / found.worlds)
    assert exact >= equation_one(parameters, inspections)


def test_drawing_with_repeats_can_fall_short_of_equation_one():
    parameters = parameters_for_chips(1, chips_owned=50, snapshots_per_chip_day=0.1, run_days=30, monitoring_days=30)
    found = simulate_detection(parameters, 50, 100_000, seed=4, with_replacement=True)
    assert found.high < equation_one(parameters, 50)
    assert simulate_detection(parameters, 50, 100_000, seed=4).low > equation_one(parameters, 50)


def test_the_ceiling_of_periods_would_promise_too_much():
    parameters = parameters_for_chips(1, chips_owned=1, snapshots_per_chip_day=0.1, run_days=45, monitoring_days=30)
    found = simulate_detection(parameters, 1, 100_000, seed=5)
    assert found.low <= equation_one(parameters, 1) <= found.high  # met exactly: all chips are drawn
    assert found.high < 1 - math.exp(-0.1 * 30) ** 2


def test_every_chip_inspected_finds_any_snapshot():
    parameters = parameters_for_chips(3, chips_owned=40, snapshots_per_chip_day=0.01, run_days=60, monitoring_days=30)
    found = simulate_detection(parameters, 40, 100_000, seed=6)
    assert found.low <= 1 - math.exp(-0.01 * 60 * 3) <= found.high
    assert found.by_period[0] == pytest.approx(1 - math.exp(-0.01 * 30 * 3), abs=0.006)


def test_no_inspection_finds_nothing():
    found = simulate_detection(REFERENCE.parameters, 0, 1_000, seed=7)
    assert (found.probability, found.low, found.detections) == (0, 0, 0)
    assert 0 < found.high < 0.005


def test_one_chip_that_is_the_whole_stockpile():
    parameters = parameters_for_chips(1, chips_owned=1, snapshots_per_chip_day=10, run_days=30, monitoring_days=30)
    assert simulate_detection(parameters, 1, 1_000, seed=1).probability == 1


def test_detection_only_grows_over_periods():
    found = simulate_detection(REFERENCE.parameters, REFERENCE.inspections_per_period, WORLDS, seed=1)
    assert len(found.by_period) == 12
    assert list(found.by_period) == sorted(found.by_period)
    assert found.by_period[-1] == found.probability == found.detections / found.worlds


def test_equal_seeds_give_equal_results():
    arguments = (REFERENCE.parameters, REFERENCE.inspections_per_period, 1_000)
    assert simulate_detection(*arguments, seed=1) == simulate_detection(*arguments, seed=1)
    assert simulate_detection(*arguments, seed=1) != simulate_detection(*arguments, seed=2)


def test_whole_inspections_are_the_fewest_that_do():
    for setting in TWENTY_SETTINGS:
        least = whole_inspections_per_period(setting.parameters, 0.9)
        assert equation_one(setting.parameters, least) >= 0.9 > equation_one(setting.parameters, least - 1)


def test_chips_are_whole():
    parameters = REFERENCE.parameters
    assert chips_involved(parameters) == 100
    assert chips_involved(replace(parameters, flop_threshold=parameters.flop_threshold * 1.001)) == 101
    assert chips_involved(replace(parameters, flop_threshold=1.0)) == 1


@dataclass
class Duck:
    flop_threshold: float = 1e25
    chip_flop_per_day: float = 8.64e19
    chips_owned: float = 100
    snapshots_per_chip_day: float = 0.1
    run_days: float = 365
    monitoring_days: float = 30


@pytest.mark.parametrize(
    ("parameters", "inspections", "worlds", "message"),
    [
        (Duck(), 1, 10, "takes 318 chips and the Prover owns 100: run_days of 1158 would do"),
        (Duck(chips_owned=1000.5), 1, 10, "1001 would do"),
        (Duck(run_days=0), 1, 10, "run_days must be a positive finite number"),
        (Duck(snapshots_per_chip_day=math.nan), 1, 10, "snapshots_per_chip_day must be a positive finite number"),
        (REFERENCE.parameters, 10_001, 10, "only 10000 chips to inspect: 10000 would do"),
        (REFERENCE.parameters, -1, 10, "0 would do"),
        (REFERENCE.parameters, 1.5, 10, "2 would do"),
        (REFERENCE.parameters, 1, 0, "worlds must be 1 or more"),
        (Duck(chips_owned=2e9), 1, 10, "999999999 would do"),
    ],
)
def test_impossible_questions_name_a_value_that_would_do(parameters, inspections, worlds, message):
    with pytest.raises(FleetError, match=r"^[^\n]+$") as error:
        simulate_detection(parameters, inspections, worlds, seed=1)
    assert message in str(error.value)


def test_wilson_interval():
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(hits, trials) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson_interval(20, 20)[1] == 1
    for bad in ((1, 0), (2, 1), (-1, 5)):
        with pytest.raises(ValueError):
            wilson_interval(*bad)


def test_missed_probability():
    assert missed_probability(10, 3, 4) == pytest.approx(math.comb(7, 4) / math.comb(10, 4))
    assert missed_probability(10, 3, 8) == 0
    assert missed_probability(10, 0, 8) == missed_probability(10, 3, 0) == 1


def test_sweep_is_the_same_with_dask():
    tasks = [Task(REFERENCE.parameters, inspections, 1_000, seed=inspections) for inspections in (0, 5, 21)]
    alone = sweep(tasks)
    assert [found.probability for found in alone] == sorted(found.probability for found in alone)
    assert sweep(tasks, "threads") == alone == sweep(tasks, "synchronous")


def test_table_says_when_a_setting_falls_short(monkeypatch):
    table = comparison(TWENTY_SETTINGS[:2], worlds=1_000)
    assert len(table.splitlines()) == 4
    assert table.count("| yes |") == 2 and "| NO |" not in table
    monkeypatch.setattr(tables, "equation_one", lambda *_: 0.99)
    assert comparison(TWENTY_SETTINGS[:2], worlds=1_000).count("| NO |") == 2


def test_commands():
    def run(*arguments):
        return CliRunner().invoke(main, arguments)

    compared = run("compare", "--worlds", "500")
    assert compared.exit_code == 0 and compared.output.count("\n") == 22
    swept = run("sweep", "--over", "snapshots_per_chip_day", "--values", "0.01,1", "--worlds", "500")
    assert swept.exit_code == 0 and "| 0.01 | " in swept.output
    assert (
        run("sweep", "--over", "inspections_per_period", "--values", "0", "--worlds", "9").output.count("0.0000") == 3
    )
    scaled = run("scale", "--chips", "20000")
    assert scaled.exit_code == 0 and "peak memory" in scaled.output
    refused = run("sweep", "--over", "run_days", "--values", "0.1")
    assert refused.exit_code == 1 and "would do" in refused.output
    assert run("sweep", "--over", "run_days", "--values", "many").exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize("command", ["compare", "strategies"])
def test_the_document_shows_what_the_commands_print(command):
    document = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    for table in CliRunner().invoke(main, [command]).output.strip().split("\n\n"):
        assert table in document
