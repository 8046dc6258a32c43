"""`livetrap plan`."""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from rich.table import Table
from rich.text import Text

from host.plan import charts, detection, scenario_file
from host.plan.answer import Answer
from host.plan.answer import answer as work_out
from host.plan.charts import Simulated
from host.plan.chip_cost import BENCH_ABSENT, BENCH_FILE, read_measurements
from host.plan.errors import PlanError
from host.plan.figures import Section
from host.plan.presets import ACCELERATORS, MODELS, SCENARIOS
from host.plan.words import number, percent, power, readable

from .options import EXISTING_FILE, FILE, json_option
from .output import print_json, progress_bar, results

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTION_NAMES = {"inspections_per_year_budget": "--budget"}
_NOT_OPTIONS = ("name", "provers")


def scenario_options(command: Command) -> Command:
    """An option for each field of a scenario file, handed on under the field's name, None when not given."""
    for field, rule in reversed(scenario_file.schema()["properties"].items()):
        if field in _NOT_OPTIONS:
            continue
        kind: Any = click.Choice(rule["enum"]) if "enum" in rule else click.FLOAT
        flag = _OPTION_NAMES.get(field, "--" + field.replace("_", "-"))
        command = click.option(
            flag, field, type=kind, metavar="NAME" if "enum" in rule else "N", help=_sentence(rule["description"])
        )(command)
    return command


def _sentence(words: str) -> str:
    """With a capital, unless it begins with a symbol of the paper's, and a full stop."""
    symbol = ": " in words[:5]
    return (words if symbol else words[0].upper() + words[1:]) + "."


def as_prover(value: str) -> tuple[str, float]:
    """NAME=CHIPS. Raises BadParameter otherwise."""
    name, _, chips = value.rpartition("=")
    try:
        owned = float(chips)
    except ValueError:
        owned = 0.0
    if not name.strip() or not 0 < owned < float("inf"):
        raise click.BadParameter(f"{value!r} is not NAME=CHIPS with a number above 0, such as Alpha=60000")
    return name.strip(), owned


@click.command()
@click.argument("scenario", type=EXISTING_FILE, required=False)
@click.option("--preset", metavar="NAME", help="Start from a scenario of the paper instead of a file (see --list).")
@click.option("--list", "as_list", is_flag=True, help="List presets and accelerators with their sources.")
@scenario_options
@click.option(
    "--prover", "provers", type=as_prover, metavar="NAME=CHIPS", multiple=True, help="One of several Provers."
)
@click.option("--simulate", is_flag=True, help="Play the inspections in simulated worlds, beside equation 1.")
@click.option(
    "--worlds", type=click.IntRange(1), default=2000, show_default=True, help="Worlds for each point simulated."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the simulation.")
@click.option(
    "--bench", type=FILE, default=BENCH_FILE, show_default=True, help="The chip's figures, from `make bench`."
)
@click.option("--html", type=FILE, help="Write a report with plots, one file that needs no network.")
@click.option("--csv", "as_csv", is_flag=True, help="Print rows: section, figure, value, unit, meaning.")
@json_option
def plan(
    scenario: Path | None,
    preset: str | None,
    as_list: bool,
    provers: Sequence[tuple[str, float]],
    simulate: bool,
    worlds: int,
    seed: int,
    bench: Path,
    html: Path | None,
    as_csv: bool,
    as_json: bool,
    **fields: float | str | None,
) -> None:
    """Plan inspections: how many chips, drawn at random, must be inspected to catch a large training run.

    SCENARIO is a YAML file whose fields are the options below (flop_threshold, run_days, ...); an option given here
    replaces the file's. Probabilities of detection are lower bounds, by equation 1 of the paper (docs/paper.md).

    \b
    Examples:
      livetrap plan --preset chinchilla
      livetrap plan country.yaml --budget 5000 --html plan.html
      livetrap plan --preset footnote-5 --accelerator b200-hgx --json
      livetrap plan --preset palm --prover Alpha=60000 --prover Beta=40000
    """
    if as_list:
        show_list()
        return
    if as_csv and as_json:
        raise click.UsageError("--csv and --json cannot be given together")
    values = _values(scenario, preset, provers, fields)
    measured = read_measurements(bench)
    try:
        found = work_out(scenario_file.parse(values), measured, BENCH_ABSENT.format(path=bench))
    except PlanError as error:
        if scenario is None:
            raise
        raise type(error)(f"{scenario}: {error}") from error
    simulated = _simulate(found, worlds, seed) if simulate else []
    if html is not None:
        html.write_text(charts.page(found, simulated), encoding="utf-8")
    if as_json:
        print_json({**found.as_json(), **({"simulation": [vars(one) for one in simulated]} if simulate else {})})
    elif as_csv:
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(("section", "figure", "value", "unit", "meaning"))
        rows.writerows(found.rows())
    else:
        show(found, simulated)
        if html is not None:
            results.print(f"report: {html}", markup=False)


def _values(
    scenario: Path | None, preset: str | None, provers: Sequence[tuple[str, float]], fields: dict[str, Any]
) -> dict[str, Any]:
    """The fields from file or preset, with those of the command line put in."""
    if scenario and preset:
        raise click.UsageError("give a scenario file or --preset, not both")
    changes = {name: value for name, value in fields.items() if value is not None}
    if provers:
        changes["provers"] = dict(provers)
        if len(changes["provers"]) < len(provers):
            raise click.UsageError("two --prover options have the same name")
    if not scenario and not preset and not changes:
        raise click.UsageError("give a scenario file or --preset NAME ('livetrap plan --list' shows them)")
    values = scenario_file.load(scenario) if scenario else scenario_file.preset(preset) if preset else {}
    return scenario_file.override(values, changes)


def _simulate(found: Answer, worlds: int, seed: int) -> list[Simulated]:
    """Detection in simulated worlds, at several numbers of inspections. Raises PlanError without the simulator."""
    try:
        from sim.fleet import FleetError, simulate_detection
    except ImportError as error:
        raise PlanError(f"the simulator cannot be loaded: {error}") from error
    scenario = found.fleet.scenario
    points = charts.simulation_points(found)
    simulated = []
    with progress_bar() as progress:
        for done, count in enumerate(points):
            progress("simulating", done, len(points))
            try:
                estimate = simulate_detection(scenario, count, worlds, seed)
            except FleetError as error:
                raise PlanError(f"the simulation: {error}") from error
            formula = detection.probability_of_detection(scenario, count)
            simulated.append(Simulated(count, formula, estimate.probability, estimate.low, estimate.high))
    return simulated


def show(found: Answer, simulated: Sequence[Simulated] = ()) -> None:
    """The plan as tables."""
    results.print(Text(found.fleet.name, style="bold"))
    results.print(Text(found.summary), soft_wrap=False)
    for section in found.sections:
        _show_section(section)
    rates = _table("Inspections a year at other snapshot rates", "snapshots per chip and day", "inspections a year")
    for rate, needed in found.sensitivity:
        own = rate == found.fleet.scenario.snapshots_per_chip_day
        rates.add_row(f"{rate:g}", number(detection.round_up(needed)), style="bold" if own else "")
    results.print(rates, soft_wrap=False)
    if simulated:
        table = _table("Detection", "inspections per period", "equation 1", "simulated", "95 % interval")
        for one in simulated:
            interval = f"{percent(one.low)} to {percent(one.high)}"
            table.add_row(number(one.inspections_per_period), percent(one.formula), percent(one.simulated), interval)
        results.print(table, soft_wrap=False)


def _show_section(section: Section) -> None:
    table = Table(title=section.title, title_justify="left", title_style="bold cyan", box=None, show_header=False)
    table.add_column(justify="right", no_wrap=True, style="bold", min_width=22)
    table.add_column()
    for figure in section.figures:
        meaning = Text(figure.meaning)
        if figure.note:
            meaning.append(f"\n{figure.note}", style="dim")
        table.add_row(readable(figure), meaning)
    results.print()
    results.print(table, soft_wrap=False)
    if section.note:
        results.print(Text(section.note, style="italic"), soft_wrap=False)


def _table(title: str, *columns: str) -> Table:
    results.print()
    table = Table(title=title, title_justify="left", title_style="bold cyan", box=None)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def show_list() -> None:
    """Presets and accelerators, with their sources."""
    presets = Table("preset", "smallest run", "what", title="Scenarios for --preset", title_justify="left", box=None)
    for name, values in SCENARIOS.items():
        flop = MODELS[str(values["model"])].flop if "model" in values else float(str(values["flop_threshold"]))
        presets.add_row(name, f"{power(flop)} FLOP", str(values["name"]))
    chips = Table("name", "FLOP/s", "memory", "source", title="Accelerators", title_justify="left", box=None)
    for chip in ACCELERATORS.values():
        memory = f"{chip.memory_bytes / 1e9:g} GB" if chip.memory_bytes else "-"
        chips.add_row(chip.name, power(chip.flop_per_second), memory, chip.source)
    results.print(presets, soft_wrap=False)
    results.print()
    results.print(chips, soft_wrap=False)
