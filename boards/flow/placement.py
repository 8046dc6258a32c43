"""Place and route, by nextpnr, and what its report says about size and timing."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import tools
from .family import Family
from .synthesis import Netlist

REPORT = "placement.json"
_USAGE = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)
_LOOPS = re.compile(r"^Info: Found (\d+) combinational loops?:$", re.MULTILINE)
_FREQUENCY_FAILED = "Max frequency for clock"


@dataclass(frozen=True)
class Usage:
    """Of one resource of a device."""

    used: int
    available: int


class DoesNotFit(tools.ToolError):
    """The device has too little of some resources. lacking: of these alone, as Placement.usage."""

    def __init__(self, lacking: dict[str, Usage], log: Path) -> None:
        super().__init__(
            ", ".join(
                f"{each.used - each.available} {name} too many ({each.used} of {each.available})"
                for name, each in lacking.items()
            ),
            log,
        )
        self.lacking = lacking


@dataclass(frozen=True)
class Clock:
    """mhz: highest frequency, register to register. target_mhz: what was asked for."""

    mhz: float
    target_mhz: float

    @property
    def is_met(self) -> bool:
        """The target is passed: nextpnr does not count equality."""
        return self.mhz > self.target_mhz


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path between two clocks' edges, or from or to the pins ("<async>").

    delay_ns: in all. logic_ns: the part of it that is not routing. cells: from the register that starts it on.
    """

    start: str
    end: str
    delay_ns: float
    logic_ns: float
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Placement:
    """A placed and routed design.

    path: the configuration as text (.config, .asc), or None if timing is not met: then there is none.
    usage: by nextpnr's name of the resource. clocks: by net. critical_paths: as reported.
    """

    path: Path | None
    usage: dict[str, Usage]
    clocks: dict[str, Clock]
    critical_paths: tuple[CriticalPath, ...]

    @property
    def is_met(self) -> bool:
        """Every clock reaches its target."""
        return all(clock.is_met for clock in self.clocks.values())


def place(
    netlist: Netlist,
    family: Family,
    device: str,
    package: str,
    speed: str,
    constraints: str,
    clock_mhz: float,
    directory: Path,
    seed: int = 1,
    *,
    loops: int = 0,
    seconds: float = tools.DEFAULT_SECONDS,
) -> Placement:
    """Places and routes a netlist, in an existing directory.

    device, package, speed: as nextpnr names them; iCE40 has no speed. constraints: text of an .lpf (ECP5) or .pcf
    (iCE40); "" leaves all pins to nextpnr. clock_mhz: target of clocks that constraints say nothing about.
    loops: combinational loops that are meant, such as ring oscillators; any other number of them is an error.
    Raises DoesNotFit, or ToolError for any other failure but a clock below its target: that is in what is returned.
    """
    kind, output, option = ("lpf", "config", "--textcfg") if family is Family.ECP5 else ("pcf", "asc", "--asc")
    tool = tools.NEXTPNR_ECP5 if family is Family.ECP5 else tools.NEXTPNR_ICE40
    path = directory / f"{netlist.name}.{output}"
    report = directory / REPORT
    for stale in (path, report):
        stale.unlink(missing_ok=True)
    arguments = [f"--{device}", "--package", package, "--json", netlist.path.name, "--seed", str(seed)]
    arguments += ["--freq", f"{clock_mhz:g}", "--report", REPORT, option, path.name]
    if family is Family.ECP5:
        arguments += ["--speed", speed]
    source = directory / netlist.path.name
    if not source.exists():
        shutil.copyfile(netlist.path, source)
    if constraints:
        (directory / f"{netlist.name}.{kind}").write_text(constraints)
        arguments += [f"--{kind}", f"{netlist.name}.{kind}"]
    log = tools.log_path(tool, directory)
    if loops:
        # nextpnr names loops only where it refuses them, which it does before it places anything.
        tools.run(tool, arguments, directory, seconds=seconds, codes=None)
        if (found := _loops(log)) != loops:
            path.unlink(missing_ok=True)
            raise tools.ToolError(f"{found} combinational loops, {loops} are meant", log)
        arguments.append("--ignore-loops")
    code = tools.run(tool, arguments, directory, seconds=seconds, codes=None)
    if code and not _only_too_slow(log, report):
        path.unlink(missing_ok=True)
        if lacking := _lacking(log):
            raise DoesNotFit(lacking, log)
        raise tools.failure(tool, code, directory)
    placement = _read(report, path)
    if placement.is_met == bool(code):
        path.unlink(missing_ok=True)
        raise tools.ToolError(f"{tool.name}'s report and exit code {code} contradict each other", log)
    if code:
        path.unlink(missing_ok=True)
        return Placement(None, placement.usage, placement.clocks, placement.critical_paths)
    return placement


def _only_too_slow(log: Path, report: Path) -> bool:
    """Whether clocks below their target are all that nextpnr complains about."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR:")]
    return bool(lines) and all(_FREQUENCY_FAILED in line for line in lines) and report.exists()


def _loops(log: Path) -> int:
    found = _LOOPS.search(log.read_text(errors="replace"))
    return int(found[1]) if found else 0


def _lacking(log: Path) -> dict[str, Usage]:
    """By the table that nextpnr prints before it places, since it writes no report when it fails."""
    found = _USAGE.findall(log.read_text(errors="replace"))
    return {name: Usage(int(used), int(there)) for name, used, there in found if int(used) > int(there)}


def _read(report: Path, path: Path) -> Placement:
    found = json.loads(report.read_text())
    usage = {name: Usage(each["used"], each["available"]) for name, each in found["utilization"].items()}
    clocks = {name: Clock(each["achieved"], each["constraint"]) for name, each in found["fmax"].items()}
    return Placement(path, usage, clocks, tuple(map(_critical_path, found["critical_paths"])))


def _critical_path(path: dict[str, Any]) -> CriticalPath:
    steps = path["path"]
    delay = sum(step["delay"] for step in steps)
    logic = sum(step["delay"] for step in steps if step["type"] != "routing")
    cells = tuple(dict.fromkeys(step["from"]["cell"] for step in steps if "cell" in step["from"]))
    return CriticalPath(path["from"], path["to"], round(delay, 3), round(logic, 3), cells)
