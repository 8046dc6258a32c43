"""The large world whose time and memory are measured: a year of a fleet, every chip of it."""

import resource
import sys
import time
from dataclasses import dataclass

from .closed_form import equation_one, whole_inspections_per_period
from .parameters import FleetParameters, parameters_for_chips
from .world import History, Run, World, simulate_world

MONITORING_DAYS = 30
PERIODS = 13
RUN_DAYS = 365
SNAPSHOTS_PER_CHIP_DAY = 0.1
PROVERS = 20
# Chinchilla-280B's 9.9e24 FLOP in a year at 1e15 FLOP/s.
BREAKING_CHIPS = 314


@dataclass(frozen=True)
class ScaleResult:
    """A history with what it cost: seconds of wall clock, peak resident memory of the process in bytes, and equation
    1's promise for the rule-breaking run."""

    world: World
    history: History
    promised: float
    seconds: float
    peak_bytes: int


def breaking_parameters(chips: int, breaking_chips: int = BREAKING_CHIPS) -> FleetParameters:
    """Equation 1's view of fleet_year: all Provers' chips as one stockpile."""
    return parameters_for_chips(
        breaking_chips,
        chips_owned=chips,
        snapshots_per_chip_day=SNAPSHOTS_PER_CHIP_DAY,
        run_days=RUN_DAYS,
        monitoring_days=MONITORING_DAYS,
    )


def fleet_year(chips: int, breaking_chips: int = BREAKING_CHIPS) -> World:
    """13 periods of 30 days: 20 Provers own `chips` together; each does a compliant run on half of its chips, the
    first beside it a rule-breaking run of a year on breaking_chips. 1 % of chips are lost in a year, 5 % of the idle
    ones change hands. Inspections: what equation 1 asks for 90 %.
    """
    each, rest = divmod(chips, PROVERS)
    owned = tuple(each + (prover < rest) for prover in range(PROVERS))
    compliant = tuple(
        Run(prover, owned[prover] // 2, first_day=15.0 * prover, last_day=15.0 * prover + 90)
        for prover in range(PROVERS)
        if owned[prover] >= 2
    )
    return World(
        provers=owned,
        runs=(Run(0, breaking_chips, 0, RUN_DAYS, breaks_rule=True), *compliant),
        snapshots_per_chip_day=SNAPSHOTS_PER_CHIP_DAY,
        monitoring_days=MONITORING_DAYS,
        periods=PERIODS,
        inspections_per_period=whole_inspections_per_period(breaking_parameters(chips, breaking_chips), 0.9),
        annual_loss_rate=0.01,
        annual_transfer_rate=0.05,
    )


def measure(chips: int, seed: int, threads: int = 2) -> ScaleResult:
    """Simulates fleet_year(chips) and measures it. The peak is that of the whole process so far."""
    world = fleet_year(chips)
    before = time.perf_counter()
    history = simulate_world(world, seed, threads)
    seconds = time.perf_counter() - before
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    promised = equation_one(breaking_parameters(chips), world.inspections_per_period)
    return ScaleResult(world, history, promised, seconds, peak)
