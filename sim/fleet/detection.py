"""Many small worlds at once: how often is a run detected by random inspections?

Nothing is taken from equation 1. In each world every involved chip logs snapshots by its own Poisson process while it
works on the run; at the end of each monitoring period the Verifier draws chips at random, without replacement within
a period, from all that the directory lists, and the run is detected when a drawn chip holds a snapshot of it.
Snapshots stay in a chip's log, so later inspections find older ones too.

Chips of one group behave alike, so a world keeps counts, not chips: how many hold a snapshot is binomial, how many of
those are drawn is hypergeometric. That is the same distribution as chip by chip; sim.fleet.world does it chip by chip
and the tests hold the two against each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .estimate import DetectionEstimate, estimate
from .parameters import (
    DetectionParameters,
    FleetError,
    check_inspections,
    check_parameters,
    chips_involved,
    inspection_count,
)

Counts = npt.NDArray[np.int64]

# NumPy's hypergeometric draw refuses more.
LARGEST_STOCKPILE = 10**9 - 1


@dataclass(frozen=True)
class Group:
    """Chips that do incriminating work on the run from first_day to last_day (days since the first period began).

    reported: the Prover reports their logs truly, so that the first snapshot gives the run away at the end of its
    period, without an inspection: no compliant transcript explains it.
    """

    chips: int
    first_day: float
    last_day: float
    reported: bool = False


@dataclass(frozen=True)
class Stockpile:
    """Chips in the directory from which the Verifier draws inspections_per_period each period, and the groups among
    them that work on the run."""

    chips: int
    groups: tuple[Group, ...]
    inspections_per_period: int


def generator(seed: int, *stream: int) -> np.random.Generator:
    """The random numbers of one simulation: equal for equal arguments, independent for different ones."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))


def check_worlds(worlds: int) -> None:
    """Raises FleetError when there is no world to count."""
    if worlds < 1:
        raise FleetError(f"worlds must be 1 or more, not {worlds!r}: 10000 would do")


def check_stockpile(stockpile: Stockpile) -> None:
    """Raises FleetError when the inspections or the groups do not fit into the stockpile, or it is too large."""
    if stockpile.chips > LARGEST_STOCKPILE:
        raise FleetError(f"a stockpile of {stockpile.chips} chips is too large: {LARGEST_STOCKPILE} would do")
    check_inspections(stockpile.inspections_per_period, stockpile.chips)
    involved = sum(group.chips for group in stockpile.groups)
    if involved > stockpile.chips:
        raise FleetError(f"{involved} chips cannot work on the run: the stockpile has {stockpile.chips}")


def days_within(first_day: float, last_day: float, period: int, monitoring_days: float) -> float:
    """Days of the span that fall into monitoring period `period` (the first is 0)."""
    start = period * monitoring_days
    return max(0.0, min(last_day, start + monitoring_days) - max(first_day, start))


def newly_marked(rng: np.random.Generator, unmarked: Counts, snapshots_per_chip: float) -> Counts:
    """How many of `unmarked` chips log at least one snapshot when each logs Poisson(snapshots_per_chip)."""
    return rng.binomial(unmarked, -math.expm1(-snapshots_per_chip))


def inspected_hits(rng: np.random.Generator, marked: Counts, chips: int | Counts, inspections: int) -> Counts:
    """How many marked chips are among `inspections` drawn without replacement from `chips`."""
    return rng.hypergeometric(marked, chips - marked, inspections)


def first_detections(
    rng: np.random.Generator,
    stockpiles: Sequence[Stockpile],
    *,
    periods: int,
    monitoring_days: float,
    snapshots_per_chip_day: float,
    worlds: int,
    recognised: float = 1.0,
    with_replacement: bool = False,
) -> Counts:
    """Each world's first period (1, 2, ...) in which an inspection finds a snapshot of the run; 0 where none does.

    recognised: probability that a drawn chip which holds a snapshot gives the run away. with_replacement: draw the
    same chip more than once within a period, as equation 1 supposes.
    """
    check_worlds(worlds)
    for stockpile in stockpiles:
        check_stockpile(stockpile)
    detected = np.zeros(worlds, np.int64)
    at_large = np.arange(worlds)
    unmarked = [[np.full(worlds, group.chips, np.int64) for group in pile.groups] for pile in stockpiles]
    for period in range(periods):
        hits = np.zeros(len(at_large), np.int64)
        reported = np.zeros(len(at_large), np.bool_)
        for pile, remaining in zip(stockpiles, unmarked, strict=True):
            marked = np.zeros(len(at_large), np.int64)
            for index, group in enumerate(pile.groups):
                days = days_within(group.first_day, group.last_day, period, monitoring_days)
                remaining[index] -= newly_marked(rng, remaining[index], snapshots_per_chip_day * days)
                marked += group.chips - remaining[index]
                if group.reported:
                    reported |= remaining[index] < group.chips
            if with_replacement:
                hits += rng.binomial(pile.inspections_per_period, marked / pile.chips)
            else:
                hits += inspected_hits(rng, marked, pile.chips, pile.inspections_per_period)
        caught = reported | (rng.binomial(hits, recognised) > 0)
        detected[at_large[caught]] = period + 1
        at_large = at_large[~caught]
        unmarked = [[counts[~caught] for counts in remaining] for remaining in unmarked]
    return detected


def simulate_detection(
    parameters: DetectionParameters,
    inspections_per_period: int,
    worlds: int,
    seed: int,
    *,
    with_replacement: bool = False,
) -> DetectionEstimate:
    """How often a run of flop_threshold on whole chips, all working run_days from the start of a period, is detected.

    worlds: independent repetitions; a hundred thousand take a fraction of a second. seed: equal seeds give equal
    results. The interval is Wilson's at 95 %. The last inspection is the first one at or after the run's end.

    Raises FleetError when a value is out of range (see check_parameters, check_stockpile).
    """
    check_parameters(parameters)
    stockpile = Stockpile(
        chips=int(parameters.chips_owned),
        groups=(Group(chips_involved(parameters), 0.0, parameters.run_days),),
        inspections_per_period=inspections_per_period,
    )
    return simulate_stockpiles(parameters, (stockpile,), worlds, seed, with_replacement=with_replacement)


def simulate_stockpiles(
    parameters: DetectionParameters,
    stockpiles: Sequence[Stockpile],
    worlds: int,
    seed: int,
    *,
    periods: int | None = None,
    recognised: float = 1.0,
    with_replacement: bool = False,
) -> DetectionEstimate:
    """first_detections as an estimate. Of `parameters`, only monitoring_days, snapshots_per_chip_day and, when
    `periods` is None, run_days count. Raises FleetError as first_detections does."""
    count = inspection_count(parameters) if periods is None else periods
    found = first_detections(
        generator(seed),
        stockpiles,
        periods=count,
        monitoring_days=parameters.monitoring_days,
        snapshots_per_chip_day=parameters.snapshots_per_chip_day,
        worlds=worlds,
        recognised=recognised,
        with_replacement=with_replacement,
    )
    return estimate(found, count)
