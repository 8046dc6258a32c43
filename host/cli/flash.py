"""`livetrap flash`."""

import shlex
from pathlib import Path
from typing import Any

import rich_click as click

from boards.board import Board
from host.programming import manifest
from host.programming.machine import Machine
from host.programming.probe import ANSWER_SECONDS, PORT_SECONDS, NoAnswer, find_port, wait_for_chip
from host.programming.steps import Memory, Step, What, plan
from host.programming.write import RETURN_SECONDS, STEP_SECONDS, Terms, Written, find_program, write

from .info import ChipState, ask
from .options import FOLDER, json_option
from .output import notice, print_columns, print_json, progress_bar, remarks, results

NOT_ANSWERING = 3


def this_machine() -> Machine:
    """The computer that this runs on."""
    return Machine()


def build_folder(board: Board) -> Path:
    """Where `livetrap build` leaves what it makes for a board, unless it is told otherwise."""
    from sim.rtl.cache import BUILD

    return Path(BUILD) / "boards" / board.name


def as_board(context: click.Context, parameter: click.Parameter, value: str | None) -> Board | None:
    """A board by its name. Raises BadParameter with the names that there are."""
    from boards import BOARDS

    if value is not None and value not in BOARDS:
        raise click.BadParameter(f"no board {value!r}: there are {', '.join(BOARDS)}")
    return None if value is None else BOARDS[value]


def command_line(step: Step, machine: Machine) -> str:
    """What a shell would be given; the programmer by its path if it is installed."""
    program = machine.program(step.command[0])
    return shlex.join([str(program) if program else step.command[0], *step.command[1:]])


def written_as_json(written: Written) -> dict[str, object]:
    """One step of the result."""
    return {**step_as_json(written.step), "verified": written.verified, "remark": written.remark}


def step_as_json(step: Step) -> dict[str, object]:
    """What a step writes, and how."""
    return {
        "what": step.artifact.what,
        "memory": step.memory.value,
        "file": str(step.artifact.path),
        "offset": step.artifact.offset if step.memory is Memory.FLASH else None,
        "bytes": len(step.artifact.data),
        "command": list(step.command),
    }


def probe(board: Board, port: str | None, baud: int, machine: Machine) -> tuple[dict[str, Any], ChipState | None]:
    """Asks the chip at the named port, or at the only one that is likely; what came of it, as JSON."""
    name = port or str(find_port(board, machine, PORT_SECONDS) or "")
    if not name:
        return {"port": None, "answers": False, "reason": "no port was named, and not exactly one is likely"}, None
    try:
        state = wait_for_chip(name, baud, ask, ANSWER_SECONDS)
    except NoAnswer as error:
        return {"port": name, "answers": False, "reason": str(error)}, None
    return {"port": name, "answers": True, "chip": state.as_json}, state


@click.command()
@click.argument("board", callback=as_board)
@click.option("--flash", "memory", flag_value="flash", default=True, help="Write the board's flash (the default).")
@click.option("--sram", "memory", flag_value="sram", help="Load the FPGA alone; a power cycle undoes it.")
@click.option("--build", "directory", type=FOLDER, help="What 'livetrap build' made; build/boards/BOARD by default.")
@click.option(
    "--what",
    type=click.Choice([each.value for each in What]),
    help="Bitstream, firmware image or both; all by default, with --sram the bitstream.",
)
@click.option("--port", "-p", envvar="LIVETRAP_PORT", show_envvar=True, help="Of the link: ask the chip afterwards.")
@click.option(
    "--baud", "-b", type=click.IntRange(300), envvar="LIVETRAP_BAUD", show_envvar=True, help="Of that port."
)
@click.option(
    "--limit",
    type=click.FloatRange(1, 86400),
    default=STEP_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Bound for each run of the programmer.",
)
@click.option("--dry-run", is_flag=True, help="Print the exact commands, and run nothing.")
@click.option("--verbose", "-v", is_flag=True, help="Show everything that the programmer says.")
@json_option
def flash(
    board: Board,
    memory: str,
    directory: Path | None,
    what: str | None,
    port: str | None,
    baud: int | None,
    limit: float,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Write a build to BOARD: bitstream and firmware image, verified, and ask the chip who it is.

    The build must be for this very board: its digests are checked, and the bitstream itself is asked for its device.
    If something fails, the last line says whether the board still boots. Exit code 3: written, but no chip answers at
    the port that was named.

    \b
    Examples:
      livetrap flash ulx3s-85f
      livetrap flash ulx3s-85f --sram --port /dev/ttyUSB0
      livetrap flash icebreaker --what bitstream --dry-run
      livetrap flash orangecrab --build out/orangecrab --json
    """
    target, machine = Memory[memory.upper()], this_machine()
    build = manifest.read(directory or build_folder(board))
    manifest.check(build, board)
    default = What.BITSTREAM if target is Memory.SRAM else What.ALL
    steps = plan(build, board, target, What(what) if what else default)
    about: dict[str, object] = {"board": board.name, "build_id": build.build_id, "dry_run": dry_run}
    if dry_run:
        if as_json:
            print_json({**about, "steps": [step_as_json(step) for step in steps]})
        else:
            for step in steps:
                results.print(command_line(step, machine), markup=False)
        return 0
    find_program(machine, board)
    with progress_bar() as progress:
        echo = _echo if verbose else lambda line: None
        done = write(steps, Terms(machine, progress, notice, echo, limit, return_seconds=RETURN_SECONDS))
    if not as_json:
        print_columns([(each.step.title, "verified" if each.verified else "written", each.remark) for each in done])
    asked, state = probe(board, port, baud or board.baud, machine)
    if as_json:
        print_json({**about, "steps": [written_as_json(each) for each in done], "probe": asked})
    elif state is not None:
        state.show(False)
    if state is None:
        notice(f"no chip was asked: {asked['reason']}")
    return NOT_ANSWERING if port and state is None else 0


def _echo(line: str) -> None:
    remarks.print(line, style="dim", markup=False)
