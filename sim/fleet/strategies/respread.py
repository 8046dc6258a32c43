"""The same compute on another number of chips."""

import math

from sim.fleet.parameters import DetectionParameters, FleetParameters, chips_involved


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
