"""The settings in which the simulation is compared with equation 1."""

from dataclasses import dataclass

from .closed_form import whole_inspections_per_period
from .parameters import FleetParameters, parameters_for_chips


@dataclass(frozen=True)
class Setting:
    """A named case and the inspections per period that equation 1 asks for."""

    name: str
    chips_involved: int
    parameters: FleetParameters
    inspections_per_period: int


def _setting(
    name: str,
    involved: int,
    owned: int,
    run_days: float,
    monitoring_days: float = 30,
    snapshots: float = 0.1,
    probability: float = 0.9,
) -> Setting:
    parameters = parameters_for_chips(
        involved,
        chips_owned=owned,
        snapshots_per_chip_day=snapshots,
        run_days=run_days,
        monitoring_days=monitoring_days,
    )
    return Setting(name, involved, parameters, whole_inspections_per_period(parameters, probability))


# The Monte Carlo cases of the requirements (C = 1000, f = 0.1/day, T_m = 30 days, p = 0.9).
FOUR_CASES = (
    _setting("20 of 1,000, 360 d", 20, 1_000, 360),
    _setting("82 of 1,000, 360 d", 82, 1_000, 360),
    _setting("100 of 1,000, 30 d", 100, 1_000, 30),
    _setting("100 of 1,000, 60 d", 100, 1_000, 60),
)

# Whole chips that the models of the paper's Table 1 take in a year, H/(aT) rounded up.
TWENTY_SETTINGS = (
    *FOUR_CASES,
    _setting("GPT-3 in 1e5", 10, 10**5, 365),
    _setting("Chinchilla in 1e3", 19, 10**3, 365),
    _setting("Chinchilla in 1e5", 19, 10**5, 365),
    _setting("PaLM in 1e3", 82, 10**3, 365),
    _setting("PaLM in 1e5", 82, 10**5, 365),
    _setting("Chinchilla-280B in 1e7", 314, 10**7, 365),
    _setting("Chinchilla-1T in 1e7", 4_028, 10**7, 365),
    _setting("rare snapshots", 50, 10**4, 360, snapshots=0.01),
    _setting("frequent snapshots", 50, 10**4, 360, snapshots=1.0),
    _setting("weekly inspections", 50, 10**4, 364, monitoring_days=7),
    _setting("quarterly inspections", 50, 10**4, 360, monitoring_days=90),
    _setting("run not whole periods", 50, 10**4, 100),
    _setting("p = 0.5", 50, 10**4, 360, probability=0.5),
    _setting("p = 0.99", 50, 10**4, 360, probability=0.99),
    _setting("most chips of a Prover", 600, 1_000, 30, snapshots=0.03),
    _setting("one chip of 50", 1, 50, 120),
)

# The run that the strategies start from.
REFERENCE = _setting("100 of 10,000, 360 d", 100, 10**4, 360)
