"""A simulated world of Provers, chips, runs, snapshots, transfers, losses and inspections.

It tests the paper's formulas by counting (detection, settings, closed_form), plays a Prover's strategies against the
inspections (strategies) and follows every chip of a large fleet over years (world). `python -m sim.fleet` prints all
results.
"""

from .detection import simulate_detection
from .estimate import DetectionEstimate, wilson_interval
from .parameters import DetectionParameters, FleetError, FleetParameters, parameters_for_chips

__all__ = [
    "DetectionEstimate",
    "DetectionParameters",
    "FleetError",
    "FleetParameters",
    "parameters_for_chips",
    "simulate_detection",
    "wilson_interval",
]
