"""A12: the same compute on fewer chips for longer."""

from functools import partial

from sim.fleet.estimate import DetectionEstimate
from sim.fleet.parameters import DetectionParameters, FleetError, check_parameters, chips_involved

from .respread import simulate_respread
from .strategy import Case, Strategy


def simulate(
    parameters: DetectionParameters,
    inspections_per_period: int,
    worlds: int,
    seed: int,
    *,
    factor: float,
) -> DetectionEstimate:
    """The run takes n/factor chips (rounded up) for as long as the same FLOP need; inspections go on at the same rate
    until it ends.

    Shavit 2023, C.1: with snapshots always present, detection falls by less than 5 %. Raises FleetError when factor
    is below 1 or leaves less than one chip.
    """
    check_parameters(parameters)
    involved = chips_involved(parameters)
    if not 1 <= factor <= involved:
        raise FleetError(f"factor must be from 1 to {involved}, the chips of the run, not {factor!r}")
    return simulate_respread(parameters, inspections_per_period, worlds, seed, factor=1 / factor)


STRATEGY = Strategy(
    "A12",
    "fewer chips for longer",
    "none needed: inspections go on at the same rate",
    (
        Case("half the chips, twice as long", partial(simulate, factor=2), countered=True),
        Case("a tenth of the chips, 10 times as long", partial(simulate, factor=10), countered=True),
        Case("1 chip in 50, 50 times as long", partial(simulate, factor=50), countered=True),
    ),
)
