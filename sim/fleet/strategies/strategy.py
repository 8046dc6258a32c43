"""What every strategy of a Prover offers: measured cases without and with the Verifier's countermeasure."""

from collections.abc import Callable
from dataclasses import dataclass

from sim.fleet.estimate import DetectionEstimate
from sim.fleet.parameters import DetectionParameters

Simulation = Callable[[DetectionParameters, int, int, int], DetectionEstimate]


@dataclass(frozen=True)
class Case:
    """One strength of a strategy, or of the countermeasure against it.

    label: says which, for a table. simulate: (parameters, inspections_per_period, worlds, seed) -> estimate.
    countered: whether the Verifier's countermeasure is in force.
    """

    label: str
    simulate: Simulation
    countered: bool = False


@dataclass(frozen=True)
class Strategy:
    """evasion: the entry in the catalogue of evasions, such as "A12". name: what the Prover does. countermeasure:
    what the Verifier does about it. cases: in the order of a table."""

    evasion: str
    name: str
    countermeasure: str
    cases: tuple[Case, ...]
