"""All that a plan says, as named figures with units: made once, shown as tables, JSON, CSV or HTML."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from . import burden, detection, strategies
from .chip_cost import ChipMeasurements, compliance_cost, statement_bytes
from .detection import DAYS_PER_YEAR, Scenario
from .errors import PlanError
from .fleet import Fleet

RATES_PER_DAY = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0)
"""Snapshot rates for which sensitivity is given, besides the scenario's own."""


@dataclass(frozen=True)
class Figure:
    """One number. value: None when there is none, and `note` says why. unit: in words, or "" for a plain count."""

    name: str
    value: float | None
    unit: str
    meaning: str
    note: str = ""

    def as_json(self) -> dict[str, object]:
        values: dict[str, object] = {"value": self.value, "unit": self.unit, "meaning": self.meaning}
        return {**values, "note": self.note} if self.note else values


@dataclass(frozen=True)
class Section:
    """Figures that answer one question. note: one line below them, or ""."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    note: str = ""


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
    sections = [_run(fleet), _inspections(fleet, needed), _how_soon(scenario, needed)]
    if fleet.budget is not None:
        sections.append(_budget(scenario, fleet.budget))
    if len(fleet.stockpiles) > 1:
        sections.append(_provers(fleet))
    sections += [_stall(fleet), _storage(fleet), _transcript(fleet), _chip(fleet, measured, bench_absent)]
    rates = sorted({*RATES_PER_DAY, scenario.snapshots_per_chip_day})
    return Answer(
        fleet,
        tuple(sections),
        tuple(
            (rate, detection.inspections_per_year(replace(scenario, snapshots_per_chip_day=rate))) for rate in rates
        ),
    )


def _run(fleet: Fleet) -> Section:
    scenario = fleet.scenario
    chips = detection.chips_involved(scenario)
    return Section(
        "run",
        "The run to catch",
        (
            Figure("flop_threshold", scenario.flop_threshold, "FLOP", "planned for: H", fleet.run),
            Figure(
                "flop_guaranteed",
                strategies.guaranteed_flop(scenario.flop_threshold),
                "FLOP",
                "promised for: runs of 2 H or more",
                "the first H might pass as an allowed run; any snapshot of the second H is incriminating",
            ),
            Figure("chips_involved", chips, "chips", f"that work on it for {scenario.run_days:g} days", fleet.chip),
            Figure("share_involved", detection.share_involved(scenario), "share", "of all chips owned"),
            Figure(
                "snapshots",
                burden.snapshots_of_run(
                    scenario.flop_threshold, scenario.chip_flop_per_day, scenario.snapshots_per_chip_day
                ),
                "snapshots",
                "that the run logs, each to be explained by a transcript",
            ),
        ),
        "a single chip can do this run in less than run_days; the bound still holds" if chips < 1 else "",
    )


def _inspections(fleet: Fleet, needed: int) -> Section:
    scenario = fleet.scenario
    per_year = detection.inspections_per_year(scenario)
    return Section(
        "inspections",
        f"Inspections that catch it with probability {scenario.detection_probability:g}",
        (
            Figure(
                "per_period",
                needed,
                "inspections",
                f"of randomly drawn chips every {scenario.monitoring_days:g} days",
            ),
            Figure(
                "per_year_scheduled",
                needed * DAYS_PER_YEAR / scenario.monitoring_days,
                "inspections",
                "in a year, at whole numbers per period",
            ),
            Figure(
                "per_year",
                detection.round_up(per_year),
                "inspections",
                "in a year by equation 1, as in the paper's Table 1",
            ),
            Figure(
                "share_of_stockpile",
                per_year / scenario.chips_owned,
                "share",
                "of the chips owned, inspected in a year",
            ),
            Figure(
                "hit_probability",
                detection.hit_probability(scenario),
                "share",
                "chance that one inspection finds the run",
            ),
            Figure(
                "detection",
                detection.probability_of_detection(scenario, needed),
                "share",
                "detection with these inspections, at least",
            ),
            Figure(
                "inspectors",
                burden.inspectors(per_year, fleet.inspections_per_inspector_year),
                "inspectors",
                f"at {fleet.inspections_per_inspector_year:g} chips each a year",
                f"the IAEA had {burden.IAEA_INSPECTORS} in 2021",
            ),
        ),
    )


def _how_soon(scenario: Scenario, per_period: float) -> Section:
    half = _or_reason(
        lambda: detection.probability_of_detection(strategies.before_completion(scenario, 0.5), per_period)
    )
    return Section(
        "how_soon",
        "How soon, with these inspections all through the run",
        (
            *_days(scenario, per_period),
            Figure("half_run_detection", half[0], "share", "caught by half-time", half[1]),
        ),
        "to catch a run of X FLOP before it ends, plan for a fraction of X in the same fraction of the days",
    )


def _days(scenario: Scenario, per_period: float) -> tuple[Figure, ...]:
    after = f"after the end of the run of {scenario.run_days:g} days"
    figures = []
    for name, probability, words in (("median_days", 0.5, "even odds"), ("ninety_percent_days", 0.9, "90 %")):
        day = detection.days_until_caught(scenario, per_period, probability)
        figures.append(Figure(name, day, "days", f"until caught with {words}", "" if day is not None else after))
    mean = detection.mean_days_until_caught(scenario, per_period)
    note = "" if mean is not None else "nothing is inspected"
    return (*figures, Figure("mean_days", mean, "days", "on average, if caught before the end", note))


def _budget(scenario: Scenario, per_year: float) -> Section:
    per_period = per_year * scenario.monitoring_days / DAYS_PER_YEAR
    smallest = _or_reason(lambda: detection.smallest_caught_flop(scenario, per_period))
    doubled = None if smallest[0] is None else strategies.guaranteed_flop(smallest[0])
    return Section(
        "budget",
        f"With a budget of {per_year:,.0f} inspections a year",
        (
            Figure("per_period", per_period, "inspections", f"every {scenario.monitoring_days:g} days"),
            Figure(
                "detection",
                detection.probability_of_detection(scenario, per_period),
                "share",
                "detection of this run, at least",
            ),
            Figure(
                "smallest_caught_flop",
                smallest[0],
                "FLOP",
                f"the smallest H caught with probability {scenario.detection_probability:g}",
                smallest[1],
            ),
            Figure("smallest_guaranteed_flop", doubled, "FLOP", "promised from there on: 2 H", smallest[1]),
            *_days(scenario, per_period),
        ),
    )


def _provers(fleet: Fleet) -> Section:
    compared = strategies.compare_stockpiles(fleet.scenario, fleet.stockpiles)
    return Section(
        "provers",
        "Several Provers: inspections per period",
        (
            *(
                Figure(
                    f"apart.{one.name}",
                    needed if needed is None else detection.round_up(needed),
                    "inspections",
                    f"of {one.name}'s {one.chips:,.0f} chips, if nobody lends any",
                    "it cannot do the run alone" if needed is None else "",
                )
                for one, needed in compared.apart
            ),
            Figure("apart_total", detection.round_up(compared.apart_total), "inspections", "of all, each apart"),
            Figure("together", detection.round_up(compared.together), "inspections", "of all as one stockpile"),
            Figure(
                "lent_detection",
                compared.lent_detection,
                "share",
                "if inspected apart and all lend chips in proportion",
            ),
            Figure(
                "worst_lent_detection",
                compared.worst_lent_detection,
                "share",
                "if inspected apart and the least inspected lend first",
            ),
        ),
        "Provers may lend each other chips: plan for one stockpile unless that is excluded",
    )


def _stall(fleet: Fleet) -> Section:
    rate = fleet.scenario.snapshots_per_chip_day
    share = burden.stall_share(fleet.cluster_chips, rate, fleet.freeze_seconds)
    return Section(
        "stall",
        f"A cluster of {fleet.cluster_chips:,.0f} chips that wait for each other",
        (
            Figure(
                "share",
                share,
                "share",
                f"of its time lost if a snapshot freezes a chip for {fleet.freeze_seconds:g} s",
            ),
            Figure(
                "longest_freeze_seconds",
                burden.longest_freeze_seconds(burden.CHEAP_OVERHEAD, fleet.cluster_chips, rate),
                "s",
                "longest freeze that costs 1 % or less",
            ),
        ),
        "the paper's line: 1 % is easy to accept, 20 % is not" + (" (this is over 1 %)" if share > 0.01 else ""),
    )


def _storage(fleet: Fleet) -> Section:
    rate = fleet.scenario.snapshots_per_chip_day
    image = burden.bytes_per_chip_year(rate, fleet.memory_bytes)
    hashes = burden.bytes_per_chip_year(rate, burden.DIGEST_BYTES)
    return Section(
        "storage",
        "Evidence to keep",
        (
            Figure("hash_bytes_per_chip_year", hashes, "bytes", "of bare 32-byte hashes, per chip and year"),
            Figure("image_bytes_per_chip_year", image, "bytes", "of whole memory images, per chip and year"),
            Figure(
                "image_bytes_per_year", image * fleet.scenario.chips_owned, "bytes", "of images, all chips, per year"
            ),
        ),
    )


def _transcript(fleet: Fleet) -> Section:
    segments, forged, checked = fleet.transcript_segments, fleet.forged_segments, fleet.checked_segments
    found = burden.segment_check(segments, forged, checked)
    least = _or_reason(
        lambda: float(burden.segments_to_check(segments, forged, fleet.scenario.detection_probability))
    )
    return Section(
        "transcript",
        f"Re-execution of {checked:,} of a transcript's {segments:,} segments",
        (
            Figure("detection", found, "share", f"that one of {forged:,} forged segments is among them"),
            Figure(
                "segments_needed",
                least[0],
                "segments",
                f"to re-execute for probability {fleet.scenario.detection_probability:g}",
                least[1],
            ),
        ),
        "drawn after the transcript is committed to; a single forged segment needs a cheap test of every segment",
    )


def _chip(fleet: Fleet, measured: ChipMeasurements | None, bench_absent: str) -> Section:
    title = "What this project's chip costs"
    rate = fleet.scenario.snapshots_per_chip_day
    size = statement_bytes()
    log = burden.bytes_per_chip_year(rate, size)
    storage = (
        Figure("statement_bytes", size, "bytes", "of one signed statement, the log entry of a snapshot"),
        Figure("log_bytes_per_chip_year", log, "bytes", "of log per chip and year, images not kept"),
        Figure(
            "evidence_bytes_per_chip_year",
            log + burden.bytes_per_chip_year(rate, fleet.memory_bytes),
            "bytes",
            "of evidence per chip and year, images kept",
        ),
        Figure("log_bytes_per_year", log * fleet.scenario.chips_owned, "bytes", "of log, all chips, per year"),
    )
    if measured is None:
        return Section("chip", title, storage, bench_absent)
    cost = compliance_cost(measured, fleet.chip_clock_hertz, fleet.cluster_chips, rate, fleet.memory_bytes)
    clock = f"at {fleet.chip_clock_hertz / 1e6:g} MHz"
    return Section(
        "chip",
        title,
        (
            Figure("stall_cycles", measured.stall_cycles, "cycles", "that training waits for a snapshot, measured"),
            Figure(
                "cluster_stall_share",
                cost.cluster_stall_share,
                "share",
                "of the cluster's time; the paper's line: 1 %",
            ),
            Figure(
                "statement_seconds",
                cost.statement_seconds,
                "s",
                f"from trigger to signature {clock}, training goes on",
            ),
            Figure(
                "whole_memory_seconds",
                cost.whole_memory_seconds,
                "s",
                f"to hash an accelerator's {fleet.memory_bytes:g} bytes at this rate {clock}",
                f"{cost.whole_memory_share:.2%} of the time at this snapshot rate",
            ),
            *storage,
        ),
        "no stall is possible because the chip has a second memory as large as its weights, which costs area",
    )


def _or_reason(figure: Callable[[], float]) -> tuple[float | None, str]:
    """A figure, or None and why there is none."""
    try:
        return figure(), ""
    except PlanError as error:
        return None, str(error)
