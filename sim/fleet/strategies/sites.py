"""A16: the run is spread over many sites, or crowded into one."""

import math
from functools import partial

import numpy as np

from sim.fleet.detection import (
    check_worlds,
    days_within,
    generator,
    inspected_hits,
    newly_marked,
    simulate_detection,
)
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
    sites: int,
    used_sites: int,
    visited_sites: int | None,
) -> DetectionEstimate:
    """The Prover's chips stand at `sites` sites, equally many at each (rounded down), the run's at `used_sites` of
    them, as evenly as can be.

    visited_sites: the inspectors draw so many sites each period and inspections_per_period/visited_sites chips
    (rounded up) at each; None: they draw chips from the whole directory and go where those are, and then the sites
    play no part.

    Raises FleetError when a site has too few chips for the run or the inspections, or the sites do not fit.
    """
    check_parameters(parameters)
    check_worlds(worlds)
    if visited_sites is None:
        return simulate_detection(parameters, inspections_per_period, worlds, seed)
    if not (1 <= used_sites <= sites and 1 <= visited_sites <= sites):
        raise FleetError(f"used_sites {used_sites} and visited_sites {visited_sites} must be from 1 to sites {sites}")
    at_site = int(parameters.chips_owned) // sites
    involved = chips_involved(parameters)
    drawn = math.ceil(inspections_per_period / visited_sites)
    if math.ceil(involved / used_sites) > at_site or drawn > at_site:
        least = math.ceil(involved / at_site) if at_site else sites
        raise FleetError(
            f"a site has {at_site} chips, the run wants {math.ceil(involved / used_sites)} and the inspectors "
            f"{drawn} of them: {least} used_sites or fewer sites would do"
        )
    rng = generator(seed)
    chips = np.array([len(part) for part in np.array_split(np.arange(involved), used_sites)], np.int64)
    unmarked = np.tile(chips, (worlds, 1))
    count = inspection_count(parameters)
    detected = np.zeros(worlds, np.int64)
    for period in range(count):
        days = days_within(0.0, parameters.run_days, period, parameters.monitoring_days)
        unmarked -= newly_marked(rng, unmarked, parameters.snapshots_per_chip_day * days)
        hits = inspected_hits(rng, chips - unmarked, at_site, drawn)
        visited = rng.random((worlds, sites)).argsort(axis=1)[:, :used_sites] < visited_sites
        detected[(detected == 0) & (hits * visited).any(axis=1)] = period + 1
    return estimate(detected, count)


_TWENTY = partial(simulate, sites=20)

STRATEGY = Strategy(
    "A16",
    "choose the run's sites among 20",
    "draw chips from the whole directory, not sites",
    (
        Case("one site, inspectors visit 1 of 20", partial(_TWENTY, used_sites=1, visited_sites=1)),
        Case("one site, inspectors visit 5 of 20", partial(_TWENTY, used_sites=1, visited_sites=5)),
        Case("all sites, inspectors visit 1 of 20", partial(_TWENTY, used_sites=20, visited_sites=1)),
        Case(
            "any sites, chips drawn from the directory",
            partial(_TWENTY, used_sites=1, visited_sites=None),
            countered=True,
        ),
    ),
)
