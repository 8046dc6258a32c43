"""`python -m sim.fleet`: the simulation's results, as printed in docs/fleet.md."""

import dataclasses
import math

import click

from . import tables
from .closed_form import whole_inspections_per_period
from .parameters import FleetError, FleetParameters, parameters_for_chips
from .scale import measure

QUANTITIES = ("inspections_per_period", *(field.name for field in dataclasses.fields(FleetParameters)))

_worlds = click.option(
    "--worlds", default=100_000, show_default=True, type=click.IntRange(1), help="Worlds for each figure."
)
_seed = click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Equal seeds, equal results."
)


@click.group()
def main() -> None:
    """Random inspections in a simulated world of chips."""


@main.command()
@_worlds
@_seed
def compare(worlds: int, seed: int) -> None:
    """Equation 1 beside the simulation, in 20 settings."""
    click.echo(tables.comparison(worlds=worlds, seed=seed))


@main.command()
@_worlds
@_seed
def strategies(worlds: int, seed: int) -> None:
    """What a Prover may try, and how often it is detected all the same."""
    click.echo(tables.strategies(worlds=worlds, seed=seed))
    click.echo()
    click.echo(tables.false_alarms(worlds=worlds, seed=seed))


@main.command()
@click.option("--chips", default=10**7, show_default=True, type=click.IntRange(20), help="Chips of all Provers.")
@click.option(
    "--threads", default=2, show_default=True, type=click.IntRange(1), help="They do not change the result."
)
@_seed
def scale(chips: int, threads: int, seed: int) -> None:
    """A year of a large fleet, every chip of it; prints seconds and peak memory."""
    try:
        click.echo(tables.scale_report(measure(chips, seed, threads)))
    except FleetError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--over", type=click.Choice(QUANTITIES), required=True, help="What to vary.")
@click.option("--values", required=True, help="Its values, separated by commas.")
@click.option("--involved", default=50, show_default=True, type=click.IntRange(1), help="Chips of the run.")
@click.option("--owned", default=10_000, show_default=True, type=click.IntRange(1), help="Chips of the Prover.")
@click.option("--snapshots", default=0.1, show_default=True, type=float, help="Snapshots per chip and day.")
@click.option("--run-days", default=360.0, show_default=True, type=float, help="Length of the run in days.")
@click.option("--monitoring-days", default=30.0, show_default=True, type=float, help="Days between inspections.")
@click.option("--inspections", type=click.IntRange(0), help="Per period; by default what equation 1 asks for 90 %.")
@click.option("--scheduler", help="A scheduler of dask's: threads, processes, distributed (extra 'fleet').")
@_worlds
@_seed
def sweep(
    over: str,
    values: str,
    involved: int,
    owned: int,
    snapshots: float,
    run_days: float,
    monitoring_days: float,
    inspections: int | None,
    scheduler: str | None,
    worlds: int,
    seed: int,
) -> None:
    """Equation 1 beside the simulation while one quantity varies."""
    try:
        numbers = [float(value) for value in values.split(",")]
    except ValueError:
        raise click.BadParameter(f"expected numbers separated by commas, found {values!r}") from None
    if not all(math.isfinite(number) for number in numbers):
        raise click.BadParameter(f"expected finite numbers, found {values!r}")
    try:
        parameters = parameters_for_chips(
            involved,
            chips_owned=owned,
            snapshots_per_chip_day=snapshots,
            run_days=run_days,
            monitoring_days=monitoring_days,
        )
        if inspections is None:
            inspections = whole_inspections_per_period(parameters, 0.9)
        click.echo(tables.sweep_table(parameters, over, numbers, inspections, worlds, seed, scheduler))
    except FleetError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m sim.fleet")
