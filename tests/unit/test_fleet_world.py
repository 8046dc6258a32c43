"""The world that follows every chip."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.fleet import FleetError, parameters_for_chips, simulate_detection
from sim.fleet.closed_form import equation_one
from sim.fleet.scale import breaking_parameters, fleet_year, measure
from sim.fleet.tables import scale_report
from sim.fleet.world import Run, World, simulate_world

SMALL = World(
    provers=(600, 400),
    runs=(Run(0, 40, 0, 120, breaks_rule=True),),
    snapshots_per_chip_day=0.05,
    monitoring_days=30,
    periods=4,
    inspections_per_period=25,
)


def within(count, mean, deviations=5.0):
    """A count with a Poisson or binomial law of that mean."""
    return abs(count - mean) <= deviations * math.sqrt(mean)


def test_a_hundred_thousand_chips_agree_with_the_closed_form():
    world = fleet_year(10**5, breaking_chips=2_000)
    world = replace(world, annual_loss_rate=0, annual_transfer_rate=0)
    history = simulate_world(world, seed=1)
    for number, period in enumerate(history.periods):
        days = min(30 * (number + 1), 365)
        assert within(period.snapshots, 10**5 * 0.1 * 30)
        marked = 2_000 * (1 - math.exp(-0.1 * days))
        assert abs(period.holders - marked) <= 5 * math.sqrt(marked * math.exp(-0.1 * days)) + 1e-9
        assert period.inspected == world.inspections_per_period
        assert (period.losses, period.transfers) == (0, 0)
    parameters = breaking_parameters(10**5, breaking_chips=2_000)
    promised = equation_one(parameters, world.inspections_per_period)
    counted = simulate_detection(parameters, world.inspections_per_period, 50_000, seed=2)
    assert history.detection_probability(0) >= promised
    assert history.detection_probability(0) == pytest.approx(counted.probability, abs=0.006)


def test_chip_by_chip_and_counts_are_the_same_law():
    parameters = parameters_for_chips(
        40, chips_owned=1_000, snapshots_per_chip_day=0.05, run_days=120, monitoring_days=30
    )
    counted = simulate_detection(parameters, 25, 200_000, seed=3)
    histories = [simulate_world(SMALL, seed, threads=1) for seed in range(400)]
    given_logs = np.array([history.detection_probability(0) for history in histories])
    assert abs(given_logs.mean() - counted.probability) <= 4 * given_logs.std() / 20 + 0.001
    detected = sum(history.detected_in[0] is not None for history in histories)
    assert abs(detected / 400 - counted.probability) <= 4 * math.sqrt(counted.probability / 400)
    first = sum(history.detected_in[0] == 1 for history in histories)
    assert abs(first / 400 - counted.by_period[0]) <= 4 * math.sqrt(counted.by_period[0] / 400)


def test_threads_do_not_change_the_world():
    world = fleet_year(600_000)
    world = replace(world, periods=2)
    assert simulate_world(world, 5, threads=1) == simulate_world(world, 5, threads=3)
    assert simulate_world(world, 5) != simulate_world(world, 6)


def test_losses_and_transfers_have_their_rates():
    world = World((50_000, 50_000), (), 0.1, 30, 12, 10, annual_loss_rate=0.10, annual_transfer_rate=0.20)
    history = simulate_world(world, seed=1)
    assert within(sum(p.losses for p in history.periods), 10**5 * (1 - 0.9 ** (360 / 365)))
    assert sum(history.chips_by_prover) == 10**5 - sum(p.losses for p in history.periods)
    monthly = 1 - 0.8 ** (30 / 365)
    assert within(history.periods[0].transfers, 10**5 * monthly)
    # Two equal Provers exchange chips evenly.
    assert abs(history.chips_by_prover[0] - history.chips_by_prover[1]) < 5 * math.sqrt(10**5)


def test_evidence_outlives_the_run_and_follows_the_chip():
    run = Run(0, 300, 0, 30, breaks_rule=True)
    world = World((1_000, 1_000), (run,), 0.2, 30, 24, 2_000, annual_transfer_rate=0.9)
    history = simulate_world(world, seed=1)
    assert history.detected_in == (1,)
    assert len({period.holders for period in history.periods}) == 1
    assert all(period.holders_inspected == period.holders for period in history.periods)
    assert sum(period.transfers for period in history.periods) > 2_000


def test_only_the_days_of_a_run_incriminate():
    # The run works 3 of 30 days at 1 snapshot a day: a chip holds one of it with 1 - exp(-3).
    world = World((20_000,), (Run(0, 10_000, 20, 23, breaks_rule=True),), 1.0, 30, 1, 0)
    holders = simulate_world(world, seed=1).periods[0].holders
    assert abs(holders - 10_000 * (1 - math.exp(-3))) < 5 * math.sqrt(10_000 * math.exp(-3))


def test_compliant_runs_incriminate_nobody():
    world = replace(SMALL, runs=(Run(0, 40, 0, 120),), inspections_per_period=1_000)
    history = simulate_world(world, seed=1)
    assert history.detected_in == ()
    assert all(period.holders == 0 for period in history.periods)


def test_two_rule_breaking_runs_are_told_apart():
    runs = (Run(0, 100, 0, 30, breaks_rule=True), Run(1, 100, 60, 120, breaks_rule=True), Run(1, 50, 0, 120))
    history = simulate_world(replace(SMALL, runs=runs, inspections_per_period=1_000), seed=1)
    assert history.detected_in == (1, 3)
    assert [period.missed[1] for period in history.periods] == [1, 1, 0, 0]


def test_chips_of_an_ended_run_work_again():
    runs = (Run(0, 600, 0, 30), Run(0, 600, 30, 60))
    simulate_world(replace(SMALL, runs=runs), seed=1)
    with pytest.raises(FleetError, match="has 0 idle: 0 would do"):
        simulate_world(replace(SMALL, runs=(Run(0, 600, 0, 31), Run(0, 600, 30, 60))), seed=1)


def test_no_inspection_and_every_chip():
    none = simulate_world(replace(SMALL, inspections_per_period=0), seed=1)
    assert none.detected_in == (None,) and none.detection_probability(0) == 0
    every = simulate_world(replace(SMALL, inspections_per_period=1_000), seed=1)
    assert every.detected_in == (1,) and every.detection_probability(0) == 1
    single = World((1,), (Run(0, 1, 0, 30, breaks_rule=True),), 100.0, 30, 1, 1)
    assert simulate_world(single, seed=1).detected_in == (1,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inspections_per_period": 1_001}, "only 1000 chips"),
        ({"provers": ()}, "needs Provers"),
        ({"provers": (1,) * 257}, "257 Provers are too many"),
        ({"periods": 0}, "periods 0"),
        ({"annual_loss_rate": 1.0}, "annual_loss_rate 1.0"),
        ({"provers": (1_000,), "annual_transfer_rate": 0.1}, "nobody to transfer"),
        ({"runs": (Run(2, 1, 0, 1),)}, "needs a Prover of the world"),
        ({"runs": (Run(0, 601, 0, 1),)}, "Prover 0 has 600 idle"),
        ({"runs": (Run(0, 1, 0, 1, breaks_rule=True),) * 9}, "9 rule-breaking runs are too many: 8 would do"),
    ],
)
def test_impossible_worlds(change, message):
    with pytest.raises(FleetError, match=message):
        simulate_world(replace(SMALL, **change), seed=1)


def test_scale_report():
    result = measure(20_000, seed=1)
    assert result.history.detection_probability(0) > 0.88
    text = scale_report(result)
    assert text.startswith("20,000 chips of 20 Provers, 21 runs, 13 periods")
    assert "peak memory" in text


@pytest.mark.slow
def test_ten_million_chips_for_a_year():
    result = measure(10**7, seed=1)
    assert result.peak_bytes < 4 * 2**30
    assert within(sum(period.losses for period in result.history.periods), 10**7 * (1 - 0.99 ** (390 / 365)))
    assert result.history.detection_probability(0) >= result.promised
