"""A10: the Prover has resold or lent the sampled chip, or holds it back, and presents another in its place."""

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
    substitution_noticed: float,
) -> DetectionEstimate:
    """The Prover knows which chips hold a snapshot of the run and substitutes a clean one whenever such a chip is
    drawn.

    substitution_noticed: probability that the serial check, digital and physical, notices one substitution; noticing
    counts as detection. At 1 the substitution gains nothing. Raises FleetError when it is no probability.
    """
    if not 0 <= substitution_noticed <= 1:
        raise FleetError(f"substitution_noticed must be from 0 to 1, not {substitution_noticed!r}: 0.99 would do")
    check_parameters(parameters)
    stockpile = Stockpile(
        int(parameters.chips_owned),
        (Group(chips_involved(parameters), 0.0, parameters.run_days),),
        inspections_per_period,
    )
    return simulate_stockpiles(parameters, (stockpile,), worlds, seed, recognised=substitution_noticed)


STRATEGY = Strategy(
    "A10",
    "present another chip for the sampled one",
    "compare the serial number, digital and physical, with the sampled one",
    (
        Case("no serial check", partial(simulate, substitution_noticed=0.0)),
        Case("a check that notices half", partial(simulate, substitution_noticed=0.5), countered=True),
        Case("a check that notices 99 %", partial(simulate, substitution_noticed=0.99), countered=True),
    ),
)
