"""`livetrap doctor`."""

import sys

import rich_click as click

from boards.board import Board, Tool
from boards.flow.family import Family
from host.programming import udev
from host.programming.device_findings import attached_findings, board_findings
from host.programming.findings import Finding
from host.programming.machine import Machine
from host.programming.tool_findings import build_findings, emulator_findings, programmer_findings

from .flash import as_board
from .options import json_option
from .output import notice, print_columns, print_json

SOMETHING_MISSING = 2


def this_machine() -> Machine:
    """The computer that this runs on."""
    return Machine()


def findings(machine: Machine, board: Board | None) -> list[Finding]:
    """Everything that is looked at for a board, or for all work if none is named."""
    from boards import BOARDS

    if board is None:
        return [
            *emulator_findings(machine),
            *build_findings(machine, tuple(Family), needed=False),
            *(finding for tool in Tool for finding in programmer_findings(machine, tool, None)),
            *attached_findings(machine, list(BOARDS.values())),
        ]
    return [
        *build_findings(machine, (board.family,), needed=True),
        *programmer_findings(machine, board.programmer.tool, board),
        *board_findings(machine, board),
    ]


@click.command()
@click.argument("board", callback=as_board, required=False)
@click.option(
    "--udev", "print_rules", is_flag=True, help="Print the udev rules for all boards, and how to install them."
)
@json_option
def doctor(board: Board | None, print_rules: bool, as_json: bool) -> int:
    """Find what is missing to build for BOARD, to write to it and to talk to it, with the fix for each.

    Without BOARD, for all work. Exit code 2 if something is missing that BOARD needs.

    \b
    Examples:
      livetrap doctor
      livetrap doctor ulx3s-85f
      livetrap doctor icebreaker --json
      livetrap doctor --udev
    """
    from boards import BOARDS

    if print_rules:
        sys.stdout.write(udev.rules(BOARDS.values()))
        sys.stdout.flush()
        notice(f"to install them: {udev.INSTALL}")
        return 0
    found = findings(this_machine(), board)
    lacking = [each for each in found if each.needed and not each.is_there]
    if as_json:
        name = board.name if board else None
        print_json({"board": name, "ready": not lacking, "findings": [each.as_json() for each in found]})
    else:
        print_columns(
            [(each.purpose, "ok" if each.is_there else "MISSING", each.subject, _text(each)) for each in found]
        )
    return SOMETHING_MISSING if board and lacking else 0


def _text(finding: Finding) -> str:
    return f"{finding.found}; fix: {finding.fix}" if finding.fix else finding.found
