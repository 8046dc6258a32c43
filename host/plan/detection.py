"""Equation 1: how many random inspections catch a large training run, and its inverses.

Shavit 2023, section 3.2 and appendix B, with the corrections of docs/paper.md. A Prover trains H FLOP on
n = H/(a T) of its C chips, fully used, for T days. Each chip logs snapshots at random, f a day. After every
monitoring period of T_m days the Verifier inspects s chips, drawn at random from all C. An inspection catches the run
if the chip took part and logged at least one snapshot within the last period:

    hit = n/C * (1 - exp(-f T_m))
    detection = 1 - (1 - hit)^(s T/T_m)

Both are lower bounds: later periods find older snapshots too, and a draw without replacement repeats no chip. Where T
is no multiple of T_m the paper writes T/T_m in one place and its ceiling in another; T/T_m is the one behind its
Table 1 and promises less, so it is the one here.

Quantities are floats in the unit that their name ends with; counts of inspections are not rounded unless the name
says `whole`.
"""

import math
from dataclasses import dataclass, fields

from .errors import Infeasible, PlanError

DAYS_PER_YEAR = 365
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Scenario:
    """What equation 1 needs to know.

    flop_threshold: H, FLOP of the smallest run to catch (the promise then holds for runs of twice as much, see
    strategies.guaranteed_flop). chip_flop_per_day: a, FLOP one chip does in a day. chips_owned: C, of the Prover.
    snapshots_per_chip_day: f. run_days: T, the longest run to catch. monitoring_days: T_m, between inspections.
    detection_probability: p, wanted, for a run of exactly H.

    Raises PlanError when a value is not a finite number above 0, or detection_probability is not below 1.
    """

    flop_threshold: float
    chip_flop_per_day: float
    chips_owned: float
    snapshots_per_chip_day: float
    run_days: float
    monitoring_days: float
    detection_probability: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise PlanError(f"{field.name}: expected a finite number, found {value!r}")
            if value <= 0:
                raise PlanError(f"{field.name}: expected more than 0, found {value:g}; {_ADVICE[field.name]}")
        if self.detection_probability >= 1:
            raise PlanError(
                f"detection_probability: expected less than 1, found {self.detection_probability:g}; random "
                "inspection never gives certainty, 0.99 would do"
            )


_ADVICE = {
    "flop_threshold": "a run of 1e24 FLOP would do",
    "chip_flop_per_day": "1e15 FLOP/s all day, 8.64e19, would do",
    "chips_owned": "name how many chips the Prover owns",
    "snapshots_per_chip_day": "a chip that never logs is never caught, 0.1 a day would do",
    "run_days": "365 would do",
    "monitoring_days": "30 would do",
    "detection_probability": "0.9 would do",
}


def chips_involved(scenario: Scenario) -> float:
    """n = H/(a T): chips that must work all run_days to reach flop_threshold."""
    return scenario.flop_threshold / (scenario.chip_flop_per_day * scenario.run_days)


def share_involved(scenario: Scenario) -> float:
    """b = n/C, the share of the Prover's chips that the run needs. Above 1 the Prover cannot do it."""
    return chips_involved(scenario) / scenario.chips_owned


def snapshot_probability(scenario: Scenario) -> float:
    """1 - exp(-f T_m): that a chip logs at least one snapshot in a monitoring period."""
    return -math.expm1(-scenario.snapshots_per_chip_day * scenario.monitoring_days)


def hit_probability(scenario: Scenario) -> float:
    """That one inspection catches the run: b (1 - exp(-f T_m))."""
    return share_involved(scenario) * snapshot_probability(scenario)


def periods(scenario: Scenario) -> float:
    """T/T_m, monitoring periods in a run."""
    return scenario.run_days / scenario.monitoring_days


def check_feasible(scenario: Scenario) -> None:
    """Raises Infeasible when equation 1 says nothing: the run needs all of the Prover's chips or more, or ends
    within its first monitoring period."""
    _check_period(scenario)
    needed = chips_involved(scenario)
    if needed >= scenario.chips_owned:
        days = needed * scenario.run_days / scenario.chips_owned
        raise Infeasible(
            f"this Prover cannot do such a run: {scenario.flop_threshold:.4g} FLOP in {scenario.run_days:g} days "
            f"take {needed:,.0f} chips and it owns {scenario.chips_owned:,.0f}; feasible: flop_threshold "
            f"{_digits(largest_flop(scenario), -1):g}, or run_days {_digits(days, 1):g}"
        )


def _check_period(scenario: Scenario) -> None:
    if scenario.run_days < scenario.monitoring_days:
        raise Infeasible(
            f"run_days {scenario.run_days:g} is shorter than monitoring_days {scenario.monitoring_days:g}: "
            f"the run ends before the first inspection; feasible: monitoring_days {scenario.run_days:g} or less"
        )


def _digits(value: float, step: int) -> float:
    """value to three digits, strictly above it (step 1) or strictly below (step -1)."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{(round(value / unit) + step) * unit:.3g}")


def largest_flop(scenario: Scenario) -> float:
    """FLOP that all of the Prover's chips do in run_days."""
    return scenario.chip_flop_per_day * scenario.run_days * scenario.chips_owned


def is_feasible(scenario: Scenario) -> bool:
    """Whether check_feasible passes."""
    try:
        check_feasible(scenario)
    except Infeasible:
        return False
    return True


def inspections_per_period(scenario: Scenario) -> float:
    """s of equation 1, not rounded. Raises Infeasible as check_feasible does."""
    check_feasible(scenario)
    return _log_miss(scenario.detection_probability) / (math.log1p(-hit_probability(scenario)) * periods(scenario))


def whole_inspections_per_period(scenario: Scenario) -> int:
    """s rounded up: what an inspectorate schedules. Raises Infeasible as check_feasible does, or when that is more
    than all chips."""
    needed = round_up(inspections_per_period(scenario))
    if needed > scenario.chips_owned:
        reached = probability_of_detection(scenario, math.floor(scenario.chips_owned))
        raise Infeasible(
            f"{needed:,} inspections every {scenario.monitoring_days:g} days are more than all "
            f"{scenario.chips_owned:,.0f} chips; feasible: detection_probability {_digits(reached, -1):g}, or more "
            "snapshots_per_chip_day"
        )
    return needed


def inspections_per_year(scenario: Scenario) -> float:
    """365 s/T_m, not rounded: the figure of the paper's Table 1. Raises Infeasible as check_feasible does."""
    return inspections_per_period(scenario) * DAYS_PER_YEAR / scenario.monitoring_days


def probability_of_detection(scenario: Scenario, per_period: float) -> float:
    """That a run of flop_threshold is caught with `per_period` inspections in each monitoring period; the scenario's
    own detection_probability plays no part. Raises PlanError when per_period is negative, Infeasible as
    check_feasible does."""
    return -math.expm1(periods(scenario) * _log_miss_per_period(scenario, per_period))


def smallest_caught_flop(scenario: Scenario, per_period: float) -> float:
    """The smallest H, in FLOP, whose run is caught with detection_probability by `per_period` inspections in each
    period; the scenario's own flop_threshold plays no part.

    Raises Infeasible when even a run on all chips is not: the line says how many inspections it takes.
    """
    check_inspections(per_period)
    _check_period(scenario)
    wanted = _log_miss(scenario.detection_probability)
    draws = per_period * periods(scenario)
    share = -math.expm1(wanted / draws) / snapshot_probability(scenario) if draws > 0 else math.inf
    if share >= 1:
        snapshots_per_chip_run = scenario.snapshots_per_chip_day * scenario.run_days
        least = math.floor(-wanted / snapshots_per_chip_run) + 1
        raise Infeasible(
            f"{per_period:g} inspections a period catch no run with probability {scenario.detection_probability:g}, "
            f"not even one on all {scenario.chips_owned:,.0f} chips; feasible: {least:,} a period"
        )
    return share * largest_flop(scenario)


def probability_by_day(scenario: Scenario, per_period: float, days: float) -> float:
    """That the run is caught within `days` of its start, with an inspection after each whole monitoring period;
    what comes after run_days adds nothing. Raises PlanError when days is negative, else as probability_of_detection.
    """
    if not days >= 0:
        raise PlanError(f"days: expected 0 or more, found {days:g}; {scenario.monitoring_days:g} would do")
    count = _whole_periods(scenario, min(days, scenario.run_days))
    return -math.expm1(count * _log_miss_per_period(scenario, per_period))


def days_until_caught(scenario: Scenario, per_period: float, probability: float) -> float | None:
    """Days after its start by which the run is caught with `probability`, a whole number of periods; None when that
    is after its end. Raises PlanError when probability is not within 0 and 1, else as probability_of_detection."""
    if not 0 < probability < 1:
        raise PlanError(f"probability: expected a number between 0 and 1, found {probability:g}; 0.5 would do")
    miss = _log_miss_per_period(scenario, per_period)
    count = _log_miss(probability) / miss if miss else math.inf
    if count > _whole_periods(scenario, scenario.run_days) * (1 + 1e-9):
        return None
    return round_up(count) * scenario.monitoring_days


def mean_days_until_caught(scenario: Scenario, per_period: float) -> float | None:
    """Expected days from the start of a run to the inspection that catches it, among runs caught before they end;
    None when none is. Raises as probability_of_detection does."""
    miss = _log_miss_per_period(scenario, per_period)
    last = _whole_periods(scenario, scenario.run_days)
    if not miss:
        return None
    if -miss * last < 1e-6:  # the exact form below would cancel; all periods are alike then
        return (last + 1) / 2 * scenario.monitoring_days
    return (-1 / math.expm1(miss) + last * math.exp(last * miss) / math.expm1(last * miss)) * scenario.monitoring_days


def _log_miss_per_period(scenario: Scenario, per_period: float) -> float:
    """log of the probability that one period's inspections miss the run. Raises as probability_of_detection does."""
    check_inspections(per_period)
    check_feasible(scenario)
    return per_period * math.log1p(-hit_probability(scenario))


def _whole_periods(scenario: Scenario, days: float) -> int:
    return math.floor(days / scenario.monitoring_days * (1 + 1e-9))


def check_inspections(per_period: float) -> None:
    """Raises PlanError unless per_period is a finite number, 0 or more."""
    if not math.isfinite(per_period) or per_period < 0:
        raise PlanError(f"inspections per period: expected 0 or more, found {per_period:g}; 1 would do")


def round_up(value: float) -> int:
    """The next whole number, where a rounding error of arithmetic (1e-12 of the value) does not add one."""
    nearest = round(value)
    return nearest if math.isclose(value, nearest, rel_tol=1e-12) else math.ceil(value)


def _log_miss(probability: float) -> float:
    """log(1 - p)."""
    return math.log1p(-probability)
