"""All that a plan says, as named figures with units: made once, shown as tables, JSON, CSV or HTML."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import burden_figures, detection, inspection_figures, strategies
from .chip_cost import ChipMeasurements
from .figures import Figure, Section
from .fleet import Fleet

RATES_PER_DAY = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0)
"""Snapshot rates for which sensitivity is given, besides the scenario's own."""


@dataclass(frozen=True)
class Answer:
    """A plan's answer. sensitivity: (snapshots per chip-day, inspections per year, not rounded)."""

    fleet: Fleet
    sections: tuple[Section, ...]
    sensitivity: tuple[tuple[float, float], ...]

    def __getitem__(self, name: str) -> Figure:
        """The figure "section.figure". Raises KeyError."""
        section, _, figure = name.partition(".")
        for one in self.sections:
            for found in one.figures:
                if (one.name, found.name) == (section, figure):
                    return found
        raise KeyError(name)

    @property
    def summary(self) -> str:
        """The plan in two sentences."""
        scenario = self.fleet.scenario
        needed, people = self["inspections.per_period"].value or 0, self["inspections.inspectors"].value or 0
        return (
            f"Inspect {needed:,.0f} of {scenario.chips_owned:,.0f} chips, drawn at random, every "
            f"{scenario.monitoring_days:g} days: work for {people:,.0f} inspector{'s' if people != 1 else ''}. "
            f"Any training run of {strategies.guaranteed_flop(scenario.flop_threshold):.4g} FLOP or more, of at most "
            f"{scenario.run_days:g} days, is then caught with a probability of at least "
            f"{scenario.detection_probability:g}."
        )

    def as_json(self) -> dict[str, object]:
        """The whole answer for other programs: figures by section and name, not rounded."""
        return {
            "summary": self.summary,
            "scenario": self.fleet.as_json(),
            **{one.name: {figure.name: figure.as_json() for figure in one.figures} for one in self.sections},
            "sensitivity": [
                {"snapshots_per_chip_day": rate, "inspections_per_year": needed} for rate, needed in self.sensitivity
            ],
            "notes": [one.note for one in self.sections if one.note],
        }

    def rows(self) -> Iterator[tuple[str, str, float | None, str, str]]:
        """(section, figure, value, unit, meaning) of each figure, and of the sensitivity."""
        for one in self.sections:
            for figure in one.figures:
                yield one.name, figure.name, figure.value, figure.unit, figure.meaning
        for rate, needed in self.sensitivity:
            yield "sensitivity", f"{rate:g}", needed, "inspections per year", "at so many snapshots per chip-day"


def answer(fleet: Fleet, measured: ChipMeasurements | None, bench_absent: str = "") -> Answer:
    """Works out the whole plan. measured: None when the chip was not measured; bench_absent then says what to do.

    Raises Infeasible when equation 1 says nothing about the scenario, PlanError when a value is out of range.
    """
    scenario = fleet.scenario
    needed = detection.whole_inspections_per_period(scenario)
    sections = [
        inspection_figures.run(fleet),
        inspection_figures.inspections(fleet, needed),
        inspection_figures.how_soon(scenario, needed),
    ]
    if fleet.budget is not None:
        sections.append(inspection_figures.budget(scenario, fleet.budget))
    if len(fleet.stockpiles) > 1:
        sections.append(inspection_figures.provers(fleet))
    sections += [
        burden_figures.stall(fleet),
        burden_figures.storage(fleet),
        burden_figures.transcript(fleet),
        burden_figures.chip(fleet, measured, bench_absent),
    ]
    rates = sorted({*RATES_PER_DAY, scenario.snapshots_per_chip_day})
    return Answer(
        fleet,
        tuple(sections),
        tuple(
            (rate, detection.inspections_per_year(replace(scenario, snapshots_per_chip_day=rate))) for rate in rates
        ),
    )
