"""A11: the Prover reports no snapshot of the run, so that only an inspected chip's own log can give it away."""

from functools import partial

from sim.fleet.detection import Group, Stockpile, simulate_stockpiles
from sim.fleet.estimate import DetectionEstimate
from sim.fleet.parameters import DetectionParameters, FleetError, check_parameters, chips_involved

from .strategy import Case, Strategy


def simulate(
    parameters: DetectionParameters,
    inspections_per_period: int,
    worlds: int,
    seed: int,
    *,
    reported_chips: int,
) -> DetectionEstimate:
    """The logs of all involved chips are held back, but for those of `reported_chips` of them.

    0 is the honest baseline: equation 1 supposes that every log is hidden. Raises FleetError when the run does not
    have so many chips.
    """
    check_parameters(parameters)
    involved = chips_involved(parameters)
    if not 0 <= reported_chips <= involved:
        raise FleetError(f"reported_chips must be from 0 to {involved}, not {reported_chips!r}: 0 would do")
    stockpile = Stockpile(
        int(parameters.chips_owned),
        (
            Group(involved - reported_chips, 0.0, parameters.run_days),
            Group(reported_chips, 0.0, parameters.run_days, reported=True),
        ),
        inspections_per_period,
    )
    return simulate_stockpiles(parameters, (stockpile,), worlds, seed)


STRATEGY = Strategy(
    "A11",
    "withhold the logs of involved chips",
    "inspect chips drawn at random",
    (
        Case(
            "all withheld, no inspection", lambda p, _s, worlds, seed: simulate(p, 0, worlds, seed, reported_chips=0)
        ),
        Case("all withheld, inspected", partial(simulate, reported_chips=0), countered=True),
        Case("one chip's log slips out, inspected", partial(simulate, reported_chips=1), countered=True),
    ),
)
