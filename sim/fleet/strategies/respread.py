"""The same compute on another number of chips."""

import math

from sim.fleet.detection import Group, Stockpile, simulate_stockpiles
from sim.fleet.estimate import DetectionEstimate
from sim.fleet.parameters import DetectionParameters, FleetParameters, chips_involved, inspection_count


def respread(parameters: DetectionParameters, *, factor: float) -> FleetParameters:
    """The run on factor times its chips, rounded up to whole ones, for as many days as the same chip-days take.

    factor must be positive. Whether the Prover owns that many chips is not checked.
    """
    before = chips_involved(parameters)
    after = max(1, math.ceil(before * factor * (1 - 1e-12)))
    return FleetParameters(
        flop_threshold=before * parameters.run_days * parameters.chip_flop_per_day,
        chip_flop_per_day=parameters.chip_flop_per_day,
        chips_owned=parameters.chips_owned,
        snapshots_per_chip_day=parameters.snapshots_per_chip_day,
        run_days=before * parameters.run_days / after,
        monitoring_days=parameters.monitoring_days,
    )


def simulate_respread(
    parameters: DetectionParameters, inspections_per_period: int, worlds: int, seed: int, *, factor: float
) -> DetectionEstimate:
    """Detection of the run respread by `factor`: the same inspections a period, the last at or just after its end.

    The caller has checked parameters and factor, and that the Prover owns the chips.
    """
    run = respread(parameters, factor=factor)
    stockpile = Stockpile(
        int(parameters.chips_owned), (Group(chips_involved(run), 0.0, run.run_days),), inspections_per_period
    )
    return simulate_stockpiles(parameters, (stockpile,), worlds, seed, periods=inspection_count(run))
