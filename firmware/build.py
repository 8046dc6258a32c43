"""Builds the firmware image of a configuration: ROM code that measures, and the application that it measures.

The image is the contents of the chip's ROM: ROM code, zeros up to APPLICATION_OFFSET, the application.
The application is linked first, since ROM holds its measurement.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from Crypto.Hash import TurboSHAKE128

from formats.hashing import DIGEST_BYTES, Domain
from rtl.config import CONFIGS, Config
from rtl.generate import write_headers

FIRMWARE = Path(__file__).resolve().parent
ROOT = FIRMWARE.parent
BUILD = ROOT / "build" / "firmware"

SECURITY_VERSION = 1
"""Of the application: raised when an older one must no longer be trusted."""

APPLICATION_OFFSET = 4096
"""Of the application in the ROM."""

STACK_BYTES = 1024
LARGEST_FRAME_BYTES = 256
"""Largest stack frame of a function. Nothing recurs; a test adds up the frames of all call chains."""

INCLUDES = ("lib", "chip", "app", "rom")
LIBRARY = (
    "base64", "cbor_reader", "cbor_writer", "crc16", "frame_receiver", "frame_sender", "log_ram", "smp", "utf8",
)  # fmt: skip
"""Sources in lib/ that do not need the chip, given a model of its registers."""
APPLICATION = (
    "application", "certificate", "dispatch", "evidence", "evidence_commands", "ingest",
    "memory_commands", "os_commands", "request", "accelerator_commands",
)  # fmt: skip
"""Sources in app/, likewise."""

TARGET = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m", "-mabi=ilp32")
FLAGS = (
    "-std=c11", "-Os", "-ffreestanding", "-fno-sanitize=all", "-fno-stack-protector", "-ffunction-sections",
    "-fdata-sections", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion", "-Wvla",
    f"-Wframe-larger-than={LARGEST_FRAME_BYTES}",
)  # fmt: skip


def image_sources() -> dict[str, list[Path]]:
    """The sources of each of the two programs in the image: "app" and "rom"."""
    library = [FIRMWARE / "lib" / f"{name}.c" for name in (*LIBRARY, "runtime")]
    application = [FIRMWARE / "app" / f"{name}.c" for name in (*APPLICATION, "main")]
    return {
        "app": [FIRMWARE / "app" / "start.S", *application, *library],
        "rom": [FIRMWARE / "rom" / name for name in ("reset.S", "boot.c", "report.c")],
    }


def load_segments(elf: bytes, base: int) -> bytes:
    """The memory from address `base` on that an ELF32 file (System V ABI) loads; gaps are zeros.

    Raises ValueError when the file loads anything below `base` or is no little-endian ELF32.
    """
    if elf[:6] != b"\x7fELF\x01\x01":
        raise ValueError("not a little-endian ELF32 file")
    (first,) = struct.unpack_from("<I", elf, 28)
    entry_bytes, entries = struct.unpack_from("<HH", elf, 42)
    image = bytearray()
    for index in range(entries):
        kind, offset, _, address, size = struct.unpack_from("<5I", elf, first + index * entry_bytes)
        if kind != 1 or not size:
            continue
        if address < base:
            raise ValueError(f"a segment is loaded to {address:#x}, below {base:#x}")
        image.extend(bytes(max(0, address - base + size - len(image))))
        image[address - base : address - base + size] = elf[offset : offset + size]
    return bytes(image)


def measure(application: bytes) -> bytes:
    """The measurement of an application's image."""
    return TurboSHAKE128.new(data=application, domain=Domain.MEASUREMENT).read(DIGEST_BYTES)


def header_constants(header: str) -> dict[str, int]:
    """The integers that a generated header defines."""
    return {name: int(value, 0) for name, value in _DEFINITION.findall(header)}


_DEFINITION = re.compile(r"^#define (\w+) (0x[0-9a-f]+|\d+)u?$", re.MULTILINE)


def _run(*arguments: str) -> None:
    """Runs one of the compiler's tools in ROOT. Raises RuntimeError with its words when it fails."""
    compiler_cache = str(BUILD / "compiler-cache")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": compiler_cache, "ZIG_LOCAL_CACHE_DIR": compiler_cache}
    command = [sys.executable, "-m", "ziglang", *arguments]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"the firmware does not build:\n{result.stdout}{result.stderr}")


def _link(program: str, directory: Path) -> bytes:
    """Builds `program` ("app" or "rom") with the headers in `directory`; returns what it puts into the ROM.

    Writes `program`.elf and .map there. Paths are relative, so that no output shows where the repository is.
    """
    here = os.path.relpath(directory, ROOT)
    includes = [f"-Ifirmware/{include}" for include in INCLUDES]
    definition = f"-DSECURITY_VERSION={SECURITY_VERSION}"
    objects = []
    (directory / "objects").mkdir(exist_ok=True)
    for source in image_sources()[program]:
        objects.append(f"{here}/objects/{source.stem}.o")
        relative = str(source.relative_to(ROOT))
        _run("cc", *TARGET, *FLAGS, definition, *includes, f"-I{here}", "-c", relative, "-o", objects[-1])

    constants = header_constants((directory / "livetrap_csr.h").read_text())
    symbols = {name: constants[name] for name in ("ROM_BASE", "ROM_SIZE", "SRAM_BASE", "SRAM_SIZE")}
    symbols |= {"APPLICATION_OFFSET": APPLICATION_OFFSET, "STACK_BYTES": STACK_BYTES}
    defined = [f"--defsym={name}={value}" for name, value in symbols.items()]
    script = ("-T", f"firmware/{program}/{program}.ld")
    outputs = (f"--Map={here}/{program}.map", "-o", f"{here}/{program}.elf")
    _run("ld.lld", "-static", "--gc-sections", "--build-id=none", *defined, *script, *outputs, *objects)
    base = symbols["ROM_BASE"] + (APPLICATION_OFFSET if program == "app" else 0)
    return load_segments((directory / f"{program}.elf").read_bytes(), base)


def compile_image(config: Config, directory: Path) -> bytes:
    """Builds the image of a configuration in an existing directory, and leaves everything there.

    Files: rom.bin, measurement.json, livetrap_csr.h, livetrap_formats.h, measurement.h, and .elf and .map of the
    two programs. Returns the image. Raises RuntimeError with the compiler's words when it does not build.
    """
    write_headers(config, directory)
    application = _link("app", directory)
    measurement = measure(application)
    bytes_text = ", ".join(f"0x{byte:02x}" for byte in measurement)
    (directory / "measurement.h").write_text(f"#define APPLICATION_MEASUREMENT {{{bytes_text}}}\n")
    image = _link("rom", directory).ljust(APPLICATION_OFFSET, b"\0") + application
    (directory / "rom.bin").write_bytes(image)
    reference = {
        "config": config.name,
        "measurement": measurement.hex(),
        "security_version": SECURITY_VERSION,
    }
    (directory / "measurement.json").write_text(json.dumps(reference, indent=2) + "\n")
    return image


def _digest_of_inputs(directory: Path) -> str:
    """Of everything that the image depends on: sources, generated headers, compiler."""
    digest = hashlib.sha256(version("ziglang").encode())
    generated = [directory / name for name in ("livetrap_csr.h", "livetrap_formats.h")]
    sources = [path for path in FIRMWARE.rglob("*") if path.suffix in (".c", ".h", ".S", ".ld", ".py")]
    for path in sorted(sources) + generated:
        contents = path.read_bytes()
        digest.update(f"{path.name} {len(contents)}\n".encode() + contents)
    return digest.hexdigest()


def build(config_name: str) -> Path:
    """Builds the image of a named configuration unless it is there already.

    Returns build/firmware/<config>/rom.bin; beside it stand the files that compile_image names.
    """
    config = CONFIGS[config_name]
    directory = BUILD / config_name
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_headers(config, directory)
        digest, stamp, image = _digest_of_inputs(directory), directory / "inputs.sha256", directory / "rom.bin"
        if not (image.exists() and stamp.exists() and stamp.read_text() == digest):
            stamp.unlink(missing_ok=True)
            compile_image(config, directory)
            stamp.write_text(digest)
    return image


def measurement(config_name: str) -> bytes:
    """The reference value of a named configuration's firmware: the application's measurement."""
    reference = json.loads((build(config_name).parent / "measurement.json").read_text())
    return bytes.fromhex(reference["measurement"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", choices=CONFIGS, default="full")
    print(os.path.relpath(build(parser.parse_args().config)))


if __name__ == "__main__":
    main()
