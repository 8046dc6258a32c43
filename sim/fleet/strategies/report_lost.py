"""A23: chips that hold snapshots of the run are reported lost or destroyed, and go on working unseen."""

import math
from functools import partial

import numpy as np

from sim.fleet.detection import (
    Counts,
    check_worlds,
    days_within,
    generator,
    inspected_hits,
    newly_marked,
)
from sim.fleet.estimate import DetectionEstimate, estimate
from sim.fleet.parameters import (
    DetectionParameters,
    FleetError,
    check_inspections,
    check_parameters,
    chips_involved,
    inspection_count,
)

from .strategy import Case, Strategy

DAYS_PER_YEAR = 365


def simulate(
    parameters: DetectionParameters,
    inspections_per_period: int,
    worlds: int,
    seed: int,
    *,
    false_reports_per_period: int,
    annual_loss_rate: float = 0.01,
    investigation_threshold: int | None = None,
    window_periods: int = 1,
) -> DetectionEstimate:
    """Before each inspection the Prover reports up to false_reports_per_period chips of the run lost: first those
    that hold a snapshot of it, then those that might come to.

    annual_loss_rate: share of all chips truly lost in a year, each on its own; those no longer work or log.
    investigation_threshold: more reported losses than this in window_periods successive periods are investigated;
    an investigation finds the lie if any report was false, which counts as detection. None: nobody counts. The Prover
    knows the rule: it never makes a report that would pass the threshold, and cannot know later true losses.

    Raises FleetError when a value is out of range.
    """
    if false_reports_per_period < 0 or not 0 <= annual_loss_rate < 1 or window_periods < 1:
        raise FleetError(
            f"false_reports_per_period {false_reports_per_period}, annual_loss_rate {annual_loss_rate!r} and "
            f"window_periods {window_periods} must be 0 or more, from 0 to below 1, and 1 or more: "
            "5, 0.01, 1 would do"
        )
    check_parameters(parameters)
    check_worlds(worlds)
    rng = generator(seed)
    owned, involved = int(parameters.chips_owned), chips_involved(parameters)
    check_inspections(inspections_per_period, owned)
    count = inspection_count(parameters)
    lost_in_period = -math.expm1(math.log1p(-annual_loss_rate) * parameters.monitoring_days / DAYS_PER_YEAR)
    others = np.full(worlds, owned - involved, np.int64)
    unmarked = np.full(worlds, involved, np.int64)
    marked = np.zeros(worlds, np.int64)
    lied = np.zeros(worlds, np.bool_)
    reports: list[Counts] = []
    detected = np.zeros(worlds, np.int64)
    for period in range(count):
        days = days_within(0.0, parameters.run_days, period, parameters.monitoring_days)
        new = newly_marked(rng, unmarked, parameters.snapshots_per_chip_day * days)
        unmarked, marked = unmarked - new, marked + new
        losses = np.zeros(worlds, np.int64)
        for chips in (others, unmarked, marked):
            lost = rng.binomial(chips, lost_in_period)
            chips -= lost
            losses += lost
        recent = losses + sum(reports[max(0, len(reports) - window_periods + 1) :], np.zeros(worlds, np.int64))
        room = np.full(worlds, false_reports_per_period, np.int64)
        if investigation_threshold is not None:
            room = np.clip(investigation_threshold - recent, 0, room)
        hidden_marked = np.minimum(marked, room)
        hidden_unmarked = np.minimum(unmarked, room - hidden_marked)
        marked = marked - hidden_marked
        unmarked = unmarked - hidden_unmarked
        false_reports = hidden_marked + hidden_unmarked
        reports.append(losses + false_reports)
        lied |= false_reports > 0
        present = others + unmarked + marked
        caught = inspected_hits(rng, marked, present, np.minimum(inspections_per_period, present)) > 0
        if investigation_threshold is not None:
            caught |= lied & (recent + false_reports > investigation_threshold)
        detected[(detected == 0) & caught] = period + 1
    return estimate(detected, count)


def false_alarm_probability(
    parameters: DetectionParameters,
    worlds: int,
    seed: int,
    *,
    investigation_threshold: int,
    annual_loss_rate: float = 0.01,
    window_periods: int = 1,
) -> DetectionEstimate:
    """How often a Prover that loses chips truly and reports nothing false is investigated at least once in run_days.

    Raises FleetError when the parameters are out of range.
    """
    check_parameters(parameters)
    check_worlds(worlds)
    rng = generator(seed)
    count = inspection_count(parameters)
    lost_in_period = -math.expm1(math.log1p(-annual_loss_rate) * parameters.monitoring_days / DAYS_PER_YEAR)
    chips = np.full(worlds, int(parameters.chips_owned), np.int64)
    losses: list[Counts] = []
    alarmed = np.zeros(worlds, np.int64)
    for period in range(count):
        losses.append(rng.binomial(chips, lost_in_period))
        chips = chips - losses[-1]
        recent = sum(losses[-window_periods:], np.zeros(worlds, np.int64))
        alarmed[(alarmed == 0) & (recent > investigation_threshold)] = period + 1
    return estimate(alarmed, count)


STRATEGY = Strategy(
    "A23",
    "report the run's chips lost",
    "investigate above a count of losses",
    (
        Case("no false report (1 % truly lost a year)", partial(simulate, false_reports_per_period=0)),
        Case("5 a period, nobody counts", partial(simulate, false_reports_per_period=5)),
        Case("as many as wanted, nobody counts", partial(simulate, false_reports_per_period=10**6)),
        Case(
            "as many as fit, above 20 losses in 1 period investigated",
            partial(simulate, false_reports_per_period=10**6, investigation_threshold=20),
            countered=True,
        ),
        Case(
            "1 a period, above 130 losses in 12 periods investigated",
            partial(simulate, false_reports_per_period=1, investigation_threshold=130, window_periods=12),
            countered=True,
        ),
        Case(
            "2 a period, above 130 losses in 12 periods investigated",
            partial(simulate, false_reports_per_period=2, investigation_threshold=130, window_periods=12),
            countered=True,
        ),
        Case(
            "3 a period, above 130 losses in 12 periods investigated",
            partial(simulate, false_reports_per_period=3, investigation_threshold=130, window_periods=12),
            countered=True,
        ),
    ),
)
