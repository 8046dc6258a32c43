"""What the simulation must know of a Prover, a run and a regime of inspections; every quantity names its unit."""

import math
from dataclasses import dataclass
from typing import Protocol

# A run's chips are counted up to whole ones; a product of floats may miss a whole number by its last digits.
_ROUNDING = 1e-12


class FleetError(ValueError):
    """The question makes no sense; the message is one line and names a value that would do."""


class DetectionParameters(Protocol):
    """The symbols of equation 1 (Shavit 2023, section 3.2). FleetParameters and the planner's scenario both fit.

    flop_threshold: H, FLOP of the run; any snapshot of it incriminates. chip_flop_per_day: a, FLOP that one chip does
    in a day. chips_owned: C, the Prover's chips, all in the directory. snapshots_per_chip_day: f, mean of the Poisson
    process of each chip. run_days: T. monitoring_days: T_m, days from one inspection to the next.
    """

    @property
    def flop_threshold(self) -> float:
        """H: FLOP of the run."""

    @property
    def chip_flop_per_day(self) -> float:
        """a: FLOP that one chip does in a day."""

    @property
    def chips_owned(self) -> float:
        """C: the Prover's chips."""

    @property
    def snapshots_per_chip_day(self) -> float:
        """f: mean snapshots of a chip in a day."""

    @property
    def run_days(self) -> float:
        """T: days that the run takes."""

    @property
    def monitoring_days(self) -> float:
        """T_m: days from one inspection to the next."""


@dataclass(frozen=True)
class FleetParameters:
    """DetectionParameters as a plain value; see there for what each means."""

    flop_threshold: float
    chip_flop_per_day: float
    chips_owned: float
    snapshots_per_chip_day: float
    run_days: float
    monitoring_days: float


def parameters_for_chips(
    chips_involved: int,
    *,
    chips_owned: int,
    snapshots_per_chip_day: float,
    run_days: float,
    monitoring_days: float,
    chip_flop_per_day: float = 1e15 * 86_400,
) -> FleetParameters:
    """The run that takes exactly `chips_involved` chips all its days: H = n a T."""
    return FleetParameters(
        flop_threshold=chips_involved * chip_flop_per_day * run_days,
        chip_flop_per_day=chip_flop_per_day,
        chips_owned=chips_owned,
        snapshots_per_chip_day=snapshots_per_chip_day,
        run_days=run_days,
        monitoring_days=monitoring_days,
    )


def check_parameters(parameters: DetectionParameters) -> None:
    """Raises FleetError when a quantity is not positive and finite, when chips_owned is not whole, or when the Prover
    owns fewer chips than the run takes."""
    for name in (
        "flop_threshold",
        "chip_flop_per_day",
        "chips_owned",
        "snapshots_per_chip_day",
        "run_days",
        "monitoring_days",
    ):
        value = getattr(parameters, name)
        if not (math.isfinite(value) and value > 0):
            raise FleetError(f"{name} must be a positive finite number, not {value!r}")
    if parameters.chips_owned != int(parameters.chips_owned):
        raise FleetError(
            f"chips_owned must be a whole number, not {parameters.chips_owned!r}: {int(parameters.chips_owned) + 1} "
            "would do"
        )
    involved = chips_involved(parameters)
    if involved > parameters.chips_owned:
        days = parameters.flop_threshold / (parameters.chip_flop_per_day * parameters.chips_owned)
        raise FleetError(
            f"the run takes {involved} chips and the Prover owns {parameters.chips_owned:.0f}: "
            f"run_days of {math.ceil(days)} would do"
        )


def chips_involved(parameters: DetectionParameters) -> int:
    """n = H/(a T) rounded up to whole chips, at least 1."""
    exact = parameters.flop_threshold / (parameters.chip_flop_per_day * parameters.run_days)
    return max(1, math.ceil(exact * (1 - _ROUNDING)))


def inspection_count(parameters: DetectionParameters) -> int:
    """Inspections of a run: one at the end of each monitoring period up to the first at or after the run's end,
    ceil(T/T_m)."""
    return math.ceil(parameters.run_days / parameters.monitoring_days * (1 - _ROUNDING))


def check_inspections(inspections_per_period: int, chips: int) -> None:
    """Raises FleetError when so many chips cannot be drawn from `chips` without repeating one."""
    if inspections_per_period != int(inspections_per_period) or inspections_per_period < 0:
        raise FleetError(
            f"inspections_per_period must be a whole number, 0 or more, not {inspections_per_period!r}: "
            f"{max(0, math.ceil(inspections_per_period))} would do"
        )
    if inspections_per_period > chips:
        raise FleetError(
            f"{inspections_per_period} inspections a period, and only {chips} chips to inspect: {chips} would do"
        )
