"""A13: the same compute on more chips for a shorter time."""

from functools import partial

from sim.fleet.estimate import DetectionEstimate
from sim.fleet.parameters import (
    DetectionParameters,
    FleetError,
    check_parameters,
    chips_involved,
)

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
    """The run takes factor times its chips (rounded up) for as long as the same FLOP need; the last inspection is the
    first one at or after its end.

    Shavit 2023, theorem 1: detection rises. Raises FleetError when factor is below 1 or takes more chips than there
    are.
    """
    check_parameters(parameters)
    most = parameters.chips_owned / chips_involved(parameters)
    if not 1 <= factor <= most:
        raise FleetError(f"factor must be from 1 to {most:g}, not {factor!r}")
    return simulate_respread(parameters, inspections_per_period, worlds, seed, factor=factor)


STRATEGY = Strategy(
    "A13",
    "more chips for shorter",
    "none needed: the same inspections",
    (
        Case("twice the chips, half as long", partial(simulate, factor=2), countered=True),
        Case("12 times the chips, one period", partial(simulate, factor=12), countered=True),
        Case("72 times the chips, 5 days", partial(simulate, factor=72), countered=True),
    ),
)
