"""A21: part of the run is done on chips that the directory does not list."""

from functools import partial

import numpy as np

from sim.fleet.detection import Group, Stockpile, check_worlds, first_detections, generator
from sim.fleet.estimate import DetectionEstimate, estimate
from sim.fleet.parameters import (
    DetectionParameters,
    FleetError,
    check_parameters,
    chips_involved,
    inspection_count,
)

from .strategy import Case, Strategy


def simulate(
    parameters: DetectionParameters,
    inspections_per_period: int,
    worlds: int,
    seed: int,
    *,
    untracked_share: float,
    found_missing: float = 0.0,
) -> DetectionEstimate:
    """`untracked_share` of the run's chips (rounded to whole ones) were never registered and are never drawn.

    found_missing: probability, for each such chip on its own, that counting at fabs and custody notices it missing
    before the run begins; one noticed counts as detection, in the first period.

    Raises FleetError when either is not from 0 to 1.
    """
    if not (0 <= untracked_share <= 1 and 0 <= found_missing <= 1):
        raise FleetError(
            f"untracked_share {untracked_share!r} and found_missing {found_missing!r} must be from 0 to 1: "
            "0.5 and 0.01 would do"
        )
    check_parameters(parameters)
    check_worlds(worlds)
    involved = chips_involved(parameters)
    untracked = round(involved * untracked_share)
    periods = inspection_count(parameters)
    stockpile = Stockpile(
        int(parameters.chips_owned),
        (Group(involved - untracked, 0.0, parameters.run_days),),
        inspections_per_period,
    )
    detected = first_detections(
        generator(seed, 0),
        (stockpile,),
        periods=periods,
        monitoring_days=parameters.monitoring_days,
        snapshots_per_chip_day=parameters.snapshots_per_chip_day,
        worlds=worlds,
    )
    noticed = generator(seed, 1).binomial(untracked, found_missing, worlds) > 0
    return estimate(np.where(noticed, 1, detected), periods)


STRATEGY = Strategy(
    "A21",
    "train on untracked chips",
    "count chips from the fab on; whoever last held a missing one is liable",
    (
        Case("half untracked", partial(simulate, untracked_share=0.5)),
        Case("nine tenths untracked", partial(simulate, untracked_share=0.9)),
        Case("all untracked", partial(simulate, untracked_share=1.0)),
        Case(
            "all untracked, a missing chip is noticed with 1 %",
            partial(simulate, untracked_share=1.0, found_missing=0.01),
            countered=True,
        ),
        Case(
            "all untracked, a missing chip is noticed with 5 %",
            partial(simulate, untracked_share=1.0, found_missing=0.05),
            countered=True,
        ),
    ),
)
