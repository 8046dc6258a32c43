"""What a Prover may do to be missed, and what the Verifier may do about it: sections 3.2 and appendix C of the paper.

The plan must hold for a Prover that stops early, stretches or compresses its run, or borrows chips from others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .detection import (
    Scenario,
    check_inspections,
    inspections_per_period,
    is_feasible,
    periods,
    probability_of_detection,
    snapshot_probability,
)
from .errors import Infeasible, PlanError


def guaranteed_flop(flop_threshold: float) -> float:
    """2 H: the smallest run for which the promise holds whatever the Prover shows of it. Its first H FLOP may be
    passed off as a run that is allowed; any snapshot of the second H is incriminating."""
    return 2 * flop_threshold


def threshold_for(guaranteed: float) -> float:
    """H = X/2: the flop_threshold to plan with, if runs of X FLOP or more must be caught."""
    return guaranteed / 2


def before_completion(scenario: Scenario, fraction: float) -> Scenario:
    """The scenario of the run's first part, to plan for catching it before it ends: the same chips, `fraction` of
    the FLOP and of the days. Raises PlanError unless fraction is above 0 and at most 1, Infeasible when that part is
    shorter than one monitoring period."""
    if not 0 < fraction <= 1:
        raise PlanError(f"fraction of the run: expected above 0 and at most 1, found {fraction:g}; 0.5 would do")
    days = scenario.run_days * fraction
    if days < scenario.monitoring_days:
        raise Infeasible(
            f"{fraction:g} of the run is {days:g} days, shorter than monitoring_days {scenario.monitoring_days:g}; "
            f"feasible: monitoring_days {days:g} or less"
        )
    return replace(scenario, flop_threshold=scenario.flop_threshold * fraction, run_days=days)


def samples_for(share: float, probability: float) -> float:
    """s(p) = log(1-p)/log(1-b): inspections, not rounded, that hit a share b of the chips with probability p, if
    involved chips always hold a snapshot. Raises PlanError unless both are above 0 and below 1."""
    _check_unit("share", share)
    _check_unit("probability", probability)
    return math.log1p(-probability) / math.log1p(-share)


def stretched_detection(share: float, samples: float, stretch: float) -> float:
    """p_d(k) = 1 - (1 - b/k)^(k s): detection of a run on 1/k of the chips for k times as long (C.1, lemma 1).

    share: b, that the run needs unstretched. samples: s, in that time. stretch: k, 1 or more. Decreases with k,
    but only to 1 - exp(-b s). Raises PlanError when an argument is out of range.
    """
    _check_unit("share", share)
    check_inspections(samples)
    if not stretch >= 1 or not math.isfinite(stretch):
        raise PlanError(f"stretch: expected 1 or more, found {stretch:g}; 2 is twice as long on half the chips")
    return -math.expm1(stretch * samples * math.log1p(-share / stretch))


def compressed_detection(scenario: Scenario, samples: float, days: float) -> float:
    """p_d(t) = 1 - (1 - H/(a C t) (1 - exp(-f t)))^s: detection by one round of s inspections of a run squeezed into
    t days on more chips (C.2, theorem 1). Decreases with t, so a shorter run is caught more surely.

    Raises PlanError when an argument is out of range, Infeasible when the Prover has too few chips for so short a
    run: the line says how many days it takes.
    """
    check_inspections(samples)
    if not days > 0 or not math.isfinite(days):
        raise PlanError(f"days: expected more than 0, found {days:g}; {scenario.run_days:g} would do")
    shortest = scenario.flop_threshold / (scenario.chip_flop_per_day * scenario.chips_owned)
    if days < shortest:
        raise Infeasible(
            f"{scenario.chips_owned:,.0f} chips do not reach {scenario.flop_threshold:.4g} FLOP in {days:g} days; "
            f"feasible: {math.ceil(shortest * 1000) / 1000:g} days or more"
        )
    hit = shortest / days * -math.expm1(-scenario.snapshots_per_chip_day * days)
    return -math.expm1(samples * math.log1p(-hit)) if hit < 1 else float(samples > 0)


@dataclass(frozen=True)
class Stockpile:
    """Chips of one Prover."""

    name: str
    chips: float


@dataclass(frozen=True)
class Stockpiles:
    """Inspections per period, not rounded, for several Provers.

    apart: for each Prover, None when it cannot do the run alone and so needs none. apart_total: their sum.
    together: as one stockpile, any chip may be lent to any other Prover; infinite when even all together cannot.
    lent_detection: with the inspections of `apart`, of a run on chips that all Provers lend in proportion to what
    they own. worst_lent_detection: of one that uses chips of the least inspected Provers first.
    """

    apart: tuple[tuple[Stockpile, float | None], ...]
    apart_total: float
    together: float
    lent_detection: float
    worst_lent_detection: float


def compare_stockpiles(scenario: Scenario, stockpiles: Sequence[Stockpile]) -> Stockpiles:
    """Plans each Prover apart, and all as one stockpile (section 3.2); scenario.chips_owned plays no part.

    Raises PlanError when there are none, Infeasible when they cannot do the run even together.
    """
    if not stockpiles:
        raise PlanError("provers: expected at least one, found none")
    pooled = replace(scenario, chips_owned=sum(one.chips for one in stockpiles))
    together = inspections_per_period(pooled)
    apart = tuple(
        (one, inspections_per_period(alone) if is_feasible(alone) else None)
        for one in stockpiles
        for alone in [replace(scenario, chips_owned=one.chips)]
    )
    needed = scenario.flop_threshold / (scenario.chip_flop_per_day * scenario.run_days)
    proportional = [(one.chips, needed * one.chips / pooled.chips_owned, s or 0.0) for one, s in apart]
    return Stockpiles(
        apart,
        sum(s or 0.0 for _, s in apart),
        together,
        lent_detection(scenario, proportional),
        lent_detection(scenario, _least_inspected_first(apart, needed)),
    )


def lent_detection(scenario: Scenario, shares: Sequence[tuple[float, float, float]]) -> float:
    """Detection of one run on chips of several Provers: 1 - prod (1 - m/C (1 - exp(-f T_m)))^(s T/T_m).

    shares: (chips owned C, chips lent m, inspections per period s) of each Prover, with m at most C.
    """
    exponent = 0.0
    for owned, lent, per_period in shares:
        hit = min(lent / owned, 1.0) * snapshot_probability(scenario)
        if per_period > 0 and hit >= 1:
            return 1.0
        exponent += per_period * periods(scenario) * math.log1p(-hit) if per_period > 0 else 0.0
    return -math.expm1(exponent)


def _least_inspected_first(
    apart: Sequence[tuple[Stockpile, float | None]], needed: float
) -> list[tuple[float, float, float]]:
    """shares of lent_detection, filled up from the Provers with the fewest inspections per chip."""
    shares = []
    for one, per_period in sorted(apart, key=lambda pair: (pair[1] or 0.0) / pair[0].chips):
        lent = min(needed, one.chips)
        needed -= lent
        shares.append((one.chips, lent, per_period or 0.0))
    return shares


def detection_of_longer_run(scenario: Scenario, per_period: float, run_days: float) -> float:
    """Detection when the same FLOP are spread over run_days instead, with the same inspections (A12).
    Raises as probability_of_detection does."""
    return probability_of_detection(replace(scenario, run_days=run_days), per_period)


def _check_unit(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise PlanError(f"{name}: expected a number between 0 and 1, found {value:g}; 0.1 would do")
