"""The formula that the simulation is held against, equation 1 (Shavit 2023, section 3.2).

Written apart from the planner's, so that the two check each other. Both take T/T_m where the paper also writes its
ceiling: with T/T_m it is a lower bound, for any T, of what inspections without repeats detect; docs/fleet.md has the
proof, and the cases in which the other form, or inspections with repeats, fall short of it. The chips involved are
whole ones, n = ceil(H/(aT)), as in the simulated worlds.
"""

import math

from .parameters import DetectionParameters, FleetError, check_parameters, chips_involved


def hit_probability(parameters: DetectionParameters) -> float:
    """n/C (1 - exp(-f T_m)): that one chip drawn at random took part and logged within the last period."""
    share = chips_involved(parameters) / parameters.chips_owned
    return share * -math.expm1(-parameters.snapshots_per_chip_day * parameters.monitoring_days)


def equation_one(parameters: DetectionParameters, inspections_per_period: float) -> float:
    """Equation 1's lower bound of the probability of detection, 1 - (1 - hit)^(s T/T_m).

    Raises FleetError as check_parameters does.
    """
    check_parameters(parameters)
    hit = hit_probability(parameters)
    draws = inspections_per_period * parameters.run_days / parameters.monitoring_days
    if hit >= 1:
        return 1.0 if draws else 0.0
    return -math.expm1(draws * math.log1p(-hit))


def whole_inspections_per_period(parameters: DetectionParameters, probability: float) -> int:
    """Smallest whole s for which equation_one reaches `probability`, at most all chips.

    Raises FleetError unless 0 <= probability < 1, and as check_parameters does.
    """
    if not 0 <= probability < 1:
        raise FleetError(f"probability must be 0 or more and below 1, not {probability!r}: 0.9 would do")
    check_parameters(parameters)
    hit = hit_probability(parameters)
    if hit >= 1:
        return 1
    draws = math.log1p(-probability) / math.log1p(-hit)
    return min(int(parameters.chips_owned), math.ceil(draws * parameters.monitoring_days / parameters.run_days))
