"""`livetrap build`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from host.errors import LivetrapError

from .options import FOLDER, json_option
from .output import notice, print_columns, print_json, print_pairs, remarks, results

DEFAULT_SECONDS = 7200
MISSING = "not installed here (no module {name!r}): run pip install '.[boards]' in livetrap's repository"


@contextmanager
def stages(subject: str) -> Iterator[Callable[[str], None]]:
    """A callback for the name of what begins: on a terminal with the time it has taken, else a line for each."""
    if not remarks.is_terminal:
        yield lambda stage: notice(f"{subject}: {stage}")
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=remarks) as progress:
        begun: list[Any] = []

        def finish() -> None:
            for task in begun:
                progress.update(task, total=1, completed=1)

        def begin(stage: str) -> None:
            finish()
            begun.append(progress.add_task(f"{subject}: {stage}", total=None))

        yield begin
        finish()


@click.command()
@click.argument("board")
@click.option("--config", metavar="NAME", help="A chip configuration; the board's own by default.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(1, 1 << 30),
    multiple=True,
    metavar="N",
    help="Of the placer; several are tried in turn until timing is met. Default: 1.",
)
@click.option("--all-seeds", is_flag=True, help="Try all of them, and take the fastest.")
@click.option("--output", "-o", type=FOLDER, help="Where the build goes; build/boards/BOARD by default.")
@click.option(
    "--limit",
    type=click.FloatRange(1, 86400),
    default=DEFAULT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Bound for each run of a tool.",
)
@json_option
def build(
    board: str,
    config: str | None,
    seeds: Sequence[int],
    all_seeds: bool,
    output: Path | None,
    limit: float,
    as_json: bool,
) -> None:
    """Build what 'livetrap flash' writes to BOARD: a bitstream with the chip and its ROM, and the firmware image.

    Nothing is left when timing is not met: try other seeds, or another configuration. The same sources and tools give
    the same bitstream, byte for byte; its build id covers both, and stands in the bitstream. What was built once is
    not built again. 'livetrap boards' lists boards and configurations.

    \b
    Examples:
      livetrap build icebreaker
      livetrap build ulx3s-85f --seed 1 --seed 2 --seed 3
      livetrap build ulx3s-85f --config tiny --output out --json
    """
    target = _target(board, config)
    try:
        from boards import output as folder
        from boards.build import HOME, build
        from boards.chip import chip_for

        directory = output or HOME / target.name
        with stages(f"build {target.name}") as stage:
            chip = chip_for(target, stage)
            folder.clear(directory)
            built = build(target, chip, stage, seeds=seeds or (1,), all_seeds=all_seeds, seconds=limit, home=HOME)
        manifest = folder.write(target, chip, built, directory)
    except ModuleNotFoundError as error:
        raise LivetrapError(MISSING.format(name=error.name)) from error
    if as_json:
        print_json({"directory": str(directory), "manifest": manifest, "report": built.report.as_json})
    else:
        show(built.report.as_json)
        for each in built.others:
            results.print(f"seed {each.seed}: {each.slowest[1].mhz:.2f} MHz", markup=False)
        results.print(f"{directory}: {', '.join([manifest['bitstream']['file'], manifest['images'][0]['file']])}")


def _target(name: str, config: str | None) -> Any:
    """The board, with another configuration if one is named. Raises LivetrapError for unknown names."""
    from boards import BOARDS
    from rtl.config import CONFIGS

    if name not in BOARDS:
        raise LivetrapError(f"no board {name!r}: there are {', '.join(BOARDS)}")
    if config is not None and config not in CONFIGS:
        raise LivetrapError(f"no chip configuration {config!r}: there are {', '.join(CONFIGS)}")
    return replace(BOARDS[name], config=config or BOARDS[name].config)


def show(report: dict[str, Any]) -> None:
    """A report as tables: what it is, what it takes of the device, how fast its clocks can be."""
    print_pairs({name: report[name] for name in ("board", "config", "part", "build_id", "seed")})
    rows = [("resource", "used", "there", "")]
    rows += [
        (name, f"{use['used']:,}", f"{use['available']:,}", f"{use['used'] / use['available']:.0%}")
        for name, use in report["resources"].items()
    ]
    print_columns(rows, right=(1, 2, 3))
    rows = [("clock", "reaches", "asked", "")]
    rows += [
        (
            net,
            f"{clock['mhz']:.2f} MHz",
            f"{clock['target_mhz']:.2f} MHz",
            f"{clock['mhz'] / clock['target_mhz']:.2f}x",
        )
        for net, clock in report["clocks"].items()
    ]
    print_columns(rows, right=(1, 2, 3))
