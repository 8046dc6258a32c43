"""What the paper prints, and the same computed: Table 1, footnote 5 and figure 2 of Shavit 2023.

Table 1's caption says T = 30. Only a run of a year with a monitoring period of 30 days gives its numbers, so that is
what is computed here; docs/paper.md has this and the other corrections.
"""

from collections.abc import Iterable

from .detection import Scenario, inspections_per_year, is_feasible, round_up
from .presets import ACCELERATORS, MODELS
from .strategies import samples_for, stretched_detection

TABLE_1_CHIPS = (1e3, 1e5, 1e7)

TABLE_1_PRINTED: dict[str, tuple[str, ...]] = {
    "gpt-3": ("243", "2.43e4", "2.43e6"),
    "chinchilla": ("132", "1.33e4", "1.33e6"),
    "palm": ("29", "2.98e3", "2.99e5"),
    "chinchilla-280b": ("7", "771", "7.72e4"),
    "chinchilla-1t": ("-", "60", "6.02e3"),
    "chinchilla-10t": ("-", "-", "58"),
}
"""Inspections per year for TABLE_1_CHIPS; "-": the Prover cannot own enough chips."""

CHIP_DAYS_PRINTED = {
    "gpt-3": "3.64e3",  # 3634.3, rounded up to 3635 and then to three digits
    "chinchilla": "6.67e3",
    "palm": "2.96e4",
    "chinchilla-280b": "1.15e5",
    "chinchilla-1t": "1.47e6",
    "chinchilla-10t": "1.5e8",
}
CHIPS_FOR_A_YEAR_PRINTED = {
    "gpt-3": "10",
    "chinchilla": "19",
    "palm": "82",
    "chinchilla-280b": "314",
    "chinchilla-1t": "4.03e3",
    "chinchilla-10t": "4.12e5",
}


def table_1_scenario(model: str, chips_owned: float) -> Scenario:
    """The scenario behind one cell."""
    return Scenario(
        flop_threshold=MODELS[model].flop,
        chip_flop_per_day=ACCELERATORS["paper-h100"].flop_per_day,
        chips_owned=chips_owned,
        snapshots_per_chip_day=0.1,
        run_days=365,
        monitoring_days=30,
        detection_probability=0.9,
    )


def table_1_cell(model: str, chips_owned: float) -> float | None:
    """Inspections per year, not rounded; None where the Prover cannot do the run."""
    scenario = table_1_scenario(model, chips_owned)
    return inspections_per_year(scenario) if is_feasible(scenario) else None


def chip_days(model: str) -> float:
    """H/a: days that the run takes one chip, or chips that it takes one day."""
    return MODELS[model].flop / ACCELERATORS["paper-h100"].flop_per_day


def as_printed(value: float | None) -> str:
    """As the table prints it: rounded up to a whole number, from a thousand on to the nearest three digits (a half
    goes to the even digit: 3635 to 3.64e3)."""
    if value is None:
        return "-"
    whole = round_up(value)
    if whole < 1000:
        return str(whole)
    digits, exponent = f"{whole:.2e}".split("e")
    return f"{digits}e{int(exponent)}"


def footnote_5_scenario(flop_threshold: float) -> Scenario:
    """Ten million chips of 3e15 FLOP/s and runs of 30 days. The text says 1e25 FLOP; the printed 232,000 comes of
    9.9e24, the table's Chinchilla-280B."""
    return Scenario(
        flop_threshold=flop_threshold,
        chip_flop_per_day=ACCELERATORS["paper-3x-h100"].flop_per_day,
        chips_owned=1e7,
        snapshots_per_chip_day=0.1,
        run_days=30,
        monitoring_days=30,
        detection_probability=0.9,
    )


def figure_2(
    shares: Iterable[float], stretches: Iterable[float], probability: float = 0.9
) -> dict[tuple[float, float], float]:
    """p_d(k)/p_d(1) for each (b, k): what is left of detection when a run is stretched k-fold."""
    stretches = tuple(stretches)
    ratios = {}
    for share in shares:
        samples = samples_for(share, probability)
        for stretch in stretches:
            ratios[share, stretch] = stretched_detection(share, samples, stretch) / probability
    return ratios
