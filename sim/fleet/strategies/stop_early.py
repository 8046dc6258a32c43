"""A15: the run stops just past the threshold, so that little of it incriminates."""

import math
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
    promised_multiple: float,
    overrun: float,
) -> DetectionEstimate:
    """The Verifier promises to catch runs above promised_multiple H, and the Prover does (1 + overrun) times that.

    H is parameters.flop_threshold, up to which a run shows nothing: only what comes after the first H FLOP
    incriminates (Shavit 2023, section 3.2). The run has as many chips as one that does H in run_days. Inspections
    begin with the run, and the last one is the first at or after its end. promised_multiple 2 is the paper's rule;
    1 is what a Verifier does who takes the threshold itself for the promise.

    Raises FleetError unless promised_multiple >= 1 and overrun >= 0.
    """
    if not (promised_multiple >= 1 and overrun >= 0):
        raise FleetError(
            f"promised_multiple {promised_multiple!r} must be 1 or more and overrun {overrun!r} 0 or more: "
            "2 and 0.01 would do"
        )
    check_parameters(parameters)
    end = parameters.run_days * promised_multiple * (1 + overrun)
    stockpile = Stockpile(
        int(parameters.chips_owned),
        (Group(chips_involved(parameters), parameters.run_days, end),),
        inspections_per_period,
    )
    periods = math.ceil(end / parameters.monitoring_days * (1 - 1e-12))
    return simulate_stockpiles(parameters, (stockpile,), worlds, seed, periods=periods)


STRATEGY = Strategy(
    "A15",
    "stop just past the promised threshold",
    "set H to half of the promised threshold",
    (
        Case("1 % past, H is the promise", partial(simulate, promised_multiple=1, overrun=0.01)),
        Case("10 % past, H is the promise", partial(simulate, promised_multiple=1, overrun=0.10)),
        Case(
            "1 % past, H is half of the promise", partial(simulate, promised_multiple=2, overrun=0.01), countered=True
        ),
        Case(
            "10 % past, H is half of the promise",
            partial(simulate, promised_multiple=2, overrun=0.10),
            countered=True,
        ),
    ),
)
