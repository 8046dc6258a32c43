"""A14: several Provers each lend a few chips to one run."""

import math
from enum import Enum
from functools import partial

from sim.fleet.detection import Group, Stockpile, simulate_stockpiles
from sim.fleet.estimate import DetectionEstimate
from sim.fleet.parameters import (
    DetectionParameters,
    FleetError,
    check_inspections,
    check_parameters,
    chips_involved,
)

from .strategy import Case, Strategy


class Inspected(Enum):
    """Whose chips the Verifier draws from."""

    OWNER = "the Prover that could do the run alone"
    POOLED = "all Provers as one stockpile"


def simulate(
    parameters: DetectionParameters,
    inspections_per_period: int,
    worlds: int,
    seed: int,
    *,
    lenders: int,
    chips_per_lender: int,
    borrowed_share: float,
    inspected: Inspected,
    scale_inspections: bool = False,
) -> DetectionEstimate:
    """`lenders` Provers of `chips_per_lender` chips each provide `borrowed_share` of the run's chips (rounded to
    whole ones), beside the Prover of `parameters`.

    A lender owns too few chips for such a run, so that equation 1, taken Prover by Prover, asks for no inspection of
    it. scale_inspections: with the pooled stockpile, raise the inspections in proportion to it, rounded up.

    Raises FleetError when the lenders do not own so many chips, or a lender could do the run alone.
    """
    check_parameters(parameters)
    owned, involved = int(parameters.chips_owned), chips_involved(parameters)
    if not 0 <= borrowed_share <= 1:
        raise FleetError(f"borrowed_share must be from 0 to 1, not {borrowed_share!r}: 0.5 would do")
    borrowed = round(involved * borrowed_share)
    lent = lenders * chips_per_lender
    if borrowed > lent:
        raise FleetError(
            f"{borrowed} chips cannot be borrowed from {lent}: "
            f"{math.ceil(borrowed / chips_per_lender)} lenders would do"
        )
    if chips_per_lender >= involved:
        raise FleetError(
            f"a lender of {chips_per_lender} chips could do the run alone: {involved - 1} chips per lender would do"
        )
    own_group = Group(involved - borrowed, 0.0, parameters.run_days)
    borrowed_group = Group(borrowed, 0.0, parameters.run_days)
    if inspected is Inspected.OWNER:
        check_inspections(inspections_per_period, owned)
        stockpiles = (
            Stockpile(owned, (own_group,), inspections_per_period),
            Stockpile(lent, (borrowed_group,), 0),
        )
        return simulate_stockpiles(parameters, stockpiles, worlds, seed)
    pooled = owned + lent
    drawn = math.ceil(inspections_per_period * pooled / owned) if scale_inspections else inspections_per_period
    return simulate_stockpiles(parameters, (Stockpile(pooled, (own_group, borrowed_group), drawn),), worlds, seed)


_LENDERS = partial(simulate, lenders=50, chips_per_lender=50)

STRATEGY = Strategy(
    "A14",
    "borrow chips from 50 Provers of 50 chips",
    "draw from all Provers as from one stockpile",
    (
        Case("half borrowed, each Prover apart", partial(_LENDERS, borrowed_share=0.5, inspected=Inspected.OWNER)),
        Case("all borrowed, each Prover apart", partial(_LENDERS, borrowed_share=1.0, inspected=Inspected.OWNER)),
        Case(
            "all borrowed, one stockpile, as many inspections",
            partial(_LENDERS, borrowed_share=1.0, inspected=Inspected.POOLED),
            countered=True,
        ),
        Case(
            "all borrowed, one stockpile, inspections in proportion",
            partial(_LENDERS, borrowed_share=1.0, inspected=Inspected.POOLED, scale_inspections=True),
            countered=True,
        ),
    ),
)
