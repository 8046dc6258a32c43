"""Builds the firmware of a configuration: the boot ROM's contents, and the application as a signed image.

Both are linked by themselves; ROM starts whatever the configuration's firmware key has signed. Images of development
builds are signed with a key that is made at first use and kept in build/.
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
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from formats.image import MAX_BODY_BYTES
from host import hss
from host.errors import EvidenceError
from host.evidence.hash_keys import read_hss_public, write_hss_public
from host.firmware import image
from rtl.config import CONFIGS, Config
from rtl.generate import write_headers

FIRMWARE = Path(__file__).resolve().parent
ROOT = FIRMWARE.parent
BUILD = ROOT / "build" / "firmware"

SECURITY_VERSION = 1
"""Of the application: raised when an older one must no longer be trusted."""

VERSION = image.Version(0, 1, 0)
"""Of the application's image."""

STACK_BYTES = 2048
LARGEST_FRAME_BYTES = 256
"""Largest stack frame of a function. Nothing recurs; a test adds up the frames of all call chains."""

HANDOFF_BYTES = 64
"""At the top of SRAM, where ROM leaves what it hands over."""

DEVELOPMENT_KEY = BUILD / "development.hss"
DEVELOPMENT_KEY_HEIGHT = 10
"""Of its one tree: 1024 builds. When it is spent, a new key is made, and provisioned chips take no more builds."""

INCLUDES = ("lib", "chip", "app", "rom")
LIBRARY = (
    "base64", "cbor_map", "cbor_reader", "cbor_writer", "configuration", "crc16", "crc32", "flash", "frame_receiver",
    "frame_sender", "hash", "image_commands", "journal", "lms", "log_flash", "made_statement", "sectors", "slots",
    "smp", "upload", "utf8",
)  # fmt: skip
"""Sources in lib/ that do not need the chip, given a model of its registers."""
APPLICATION = (
    "accelerator_commands", "application", "boot_commands", "computed", "confirmation", "countersignature",
    "dispatch", "events", "evidence", "evidence_commands", "fuses", "image_group", "ingest", "memory_commands",
    "os_commands", "receipts", "request", "truncation", "verifier_commands",
)  # fmt: skip
"""Sources in app/, likewise."""

ROM = ("boot", "provision", "recovery", "report", "verify")
"""Sources in rom/."""

TARGET = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c", "-mabi=ilp32")
"""Compressed instructions let both programs fit into their memories."""

FLAGS = (
    "-std=c11", "-Os", "-ffreestanding", "-fno-sanitize=all", "-fno-stack-protector", "-ffunction-sections",
    "-fdata-sections", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion", "-Wvla",
    f"-Wframe-larger-than={LARGEST_FRAME_BYTES}",
)  # fmt: skip


def program_sources() -> dict[str, list[Path]]:
    """The sources of each of the two programs: "app" and "rom"."""
    library = [FIRMWARE / "lib" / f"{name}.c" for name in (*LIBRARY, "runtime")]
    application = [FIRMWARE / "app" / f"{name}.c" for name in (*APPLICATION, "main")]
    return {
        "app": [FIRMWARE / "app" / "start.S", *application, *library],
        "rom": [FIRMWARE / "rom" / "reset.S", *(FIRMWARE / "rom" / f"{name}.c" for name in ROM), *library],
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


def link(program: str, directory: Path, replaced: Mapping[str, Path] | None = None) -> bytes:
    """Builds `program` ("app" or "rom") with the headers in `directory`; returns what is loaded to its first address.

    Writes `program`.elf and .map there. replaced: name of a source file -> what is compiled in its place. Paths are
    relative, so that no output shows where the repository is. Raises RuntimeError as `compile_firmware`.
    """
    here = os.path.relpath(directory, ROOT)
    options = [*(f"-Ifirmware/{include}" for include in INCLUDES), f"-I{here}"]
    objects = []
    (directory / "objects").mkdir(exist_ok=True)
    for source in program_sources()[program]:
        objects.append(f"{here}/objects/{program}-{source.stem}.o")
        relative = os.path.relpath((replaced or {}).get(source.name, source), ROOT)
        _run("cc", *TARGET, *FLAGS, *options, "-c", relative, "-o", objects[-1])

    constants = header_constants((directory / "livetrap_csr.h").read_text())
    symbols = {name: constants[name] for name in ("ROM_BASE", "ROM_SIZE", "SRAM_BASE", "SRAM_SIZE")}
    symbols |= {"MAX_BODY_BYTES": MAX_BODY_BYTES, "STACK_BYTES": STACK_BYTES, "HANDOFF_BYTES": HANDOFF_BYTES}
    defined = [f"--defsym={name}={value}" for name, value in symbols.items()]
    script = ("-T", f"firmware/{program}/{program}.ld")
    outputs = (f"--Map={here}/{program}.map", "-o", f"{here}/{program}.elf")
    _run("ld.lld", "-static", "--gc-sections", "--build-id=none", *defined, *script, *outputs, *objects)
    base = symbols["ROM_BASE" if program == "rom" else "SRAM_BASE"]
    return load_segments((directory / f"{program}.elf").read_bytes(), base)


def package(body: bytes, directory: Path, version: image.Version = VERSION) -> bytes:
    """The unsigned image of an application for the chip whose headers are in `directory`."""
    constants = header_constants((directory / "livetrap_csr.h").read_text())
    return image.pack(body, constants["SRAM_BASE"], version, SECURITY_VERSION, constants["MAP_HASH"])


def compile_firmware(config: Config, directory: Path) -> bytes:
    """Builds the firmware of a configuration in an existing directory, and leaves everything there.

    Files: rom.bin, app.bin (the body), app.unsigned.bin, measurement.json, livetrap_csr.h, livetrap_formats.h, and
    .elf and .map of the two programs. Returns the unsigned image. Raises RuntimeError with the compiler's words when
    it does not build.
    """
    write_headers(config, directory)
    (directory / "rom.bin").write_bytes(link("rom", directory))
    body = link("app", directory)
    unsigned = package(body, directory)
    (directory / "app.bin").write_bytes(body)
    (directory / "app.unsigned.bin").write_bytes(unsigned)
    reference = {
        "config": config.name,
        "measurement": image.measurement(unsigned).hex(),
        "security_version": SECURITY_VERSION,
    }
    (directory / "measurement.json").write_text(json.dumps(reference, indent=2) + "\n")
    return unsigned


def sign_for_development(unsigned: bytes) -> tuple[bytes, bytes]:
    """The image signed with the development key, and the key's 52 public bytes. Makes a key when there is none, or
    none that can still sign."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "development.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if DEVELOPMENT_KEY.exists() and not hss.load(DEVELOPMENT_KEY).remaining:
            DEVELOPMENT_KEY.unlink()
        if not DEVELOPMENT_KEY.exists():
            hss.save(DEVELOPMENT_KEY, hss.generate(1, DEVELOPMENT_KEY_HEIGHT))
        with hss.open_key(DEVELOPMENT_KEY) as key:
            return image.sign(unsigned, key.sign), key.public_key


def _digest_of_inputs(directory: Path) -> str:
    """Of everything that the firmware depends on: sources, generated headers, compiler."""
    digest = hashlib.sha256(version("ziglang").encode())
    generated = [directory / name for name in ("livetrap_csr.h", "livetrap_formats.h")]
    sources = [path for path in FIRMWARE.rglob("*") if path.suffix in (".c", ".h", ".S", ".ld", ".py")]
    sources.append(Path(image.__file__))
    for path in sorted(sources) + generated:
        contents = path.read_bytes()
        digest.update(f"{path.name} {len(contents)}\n".encode() + contents)
    return digest.hexdigest()


def _is_signed(directory: Path) -> bool:
    """Whether the signed image is there, under the key that signs now."""
    if not (DEVELOPMENT_KEY.exists() and (directory / "app.signed.bin").exists()):
        return False
    try:
        return read_hss_public(directory / "firmware_key.pub") == hss.public_key(DEVELOPMENT_KEY)
    except EvidenceError:
        return False


def build(config_name: str) -> Path:
    """Builds and signs the firmware of a named configuration, as `build_for` says."""
    return build_for(CONFIGS[config_name], config_name)


def build_for(config: Config, name: str) -> Path:
    """Builds and signs the firmware of a configuration unless it is there already.

    name: of the configuration, or of the board that it is a variant for. Returns build/firmware/<name>/rom.bin;
    beside it stand the files that compile_firmware names, app.signed.bin, and firmware_key.pub: the HSS public key
    that it is signed with, as `livetrap provision` takes it. Raises RuntimeError as `compile_firmware`.
    """
    directory = BUILD / name
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_headers(config, directory)
        digest, stamp, rom = _digest_of_inputs(directory), directory / "inputs.sha256", directory / "rom.bin"
        is_built = rom.exists() and stamp.exists() and stamp.read_text() == digest
        if not (is_built and _is_signed(directory)):
            stamp.unlink(missing_ok=True)
            signed, key = sign_for_development(compile_firmware(config, directory))
            (directory / "app.signed.bin").write_bytes(signed)
            (directory / "firmware_key.pub").unlink(missing_ok=True)
            write_hss_public(directory / "firmware_key.pub", key)
            stamp.write_text(digest)
    return rom


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
