"""The boot ROM's binary on an emulated processor, among modelled registers, flash and fuses."""

import ctypes
import fcntl
import hashlib
import struct
import subprocess
from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from importlib.resources import files
from pathlib import Path

from firmware.build import BUILD, link
from formats.flash import SLOT_BYTES, TRAILER_OFFSET
from formats.statement import SIGNATURE_BYTES, layout
from rtl.config import CONFIGS
from rtl.generate import write_headers
from tests.firmware.host_build import frame, packet, response_body, unframe
from tests.firmware.riscv import elf_symbols

HERE = Path(__file__).parent / "unicorn"
CONFIG = CONFIGS["test"]
SRAM_BASE = 0x1000_0000
HSS_VALID = 0x5AC3E169
"""Of firmware/lib/lms.h."""

STUCK_AT_0, STUCK_AT_1 = 1, 2
"""For `flash_absent`: what the line from the flash reads."""

BLOCKS = 4_000_000
"""Basic blocks after which a run is given up."""

STATEMENT = layout().statement_prefix + layout().payload + b"\x58\x40" + bytes(SIGNATURE_BYTES)
"""Of the modelled chip, with its claims still zeros. Nothing is signed."""

EXCHANGE_BLOCKS = 200_000
"""Enough for a request and its response in recovery mode; ROM then goes on waiting."""

NOTES = 64
COMPILER = ("gcc", "-std=c11", "-O3", "-funroll-loops", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")


class Outcome(IntEnum):
    """enum outcome of machine.h."""

    RUNNING = 0
    ENTERED = 1
    RECOVERY = 2
    RESET = 3
    TRAP = 4
    LIMIT = 5


class _Note(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("address", "instruction", "outcome")]


class _Conviction(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("address", "word")]


class Findings(ctypes.Structure):
    """struct findings of campaign.h."""

    _fields_ = [
        ("instructions", ctypes.c_uint64),
        ("outcomes", ctypes.c_uint64 * len(Outcome)),
        ("convinced", ctypes.c_uint64),
        ("notes", ctypes.c_uint32),
        ("note", _Note * NOTES),
    ]


class Rom:
    """A linked ROM. contents: what lies in on-chip ROM. symbols: name to address. headers: folder of its headers."""

    def __init__(self, directory: Path, contents: bytes):
        self.headers, self.contents = directory, contents
        elf = (directory / "rom.elf").read_bytes()
        self.symbols = {name: value for name, value, *_ in elf_symbols(elf)}
        self._functions = sorted((value, name) for name, value, _, kind in elf_symbols(elf) if kind == 2)

    def function(self, address: int) -> str:
        """The name of the function that an address lies in."""
        return max((start, name) for start, name in self._functions if start <= address)[1]


@cache
def build_rom(plain: bool = False) -> Rom:
    """The ROM of the test configuration. plain: with plain_verify.c, which does the same checks once each."""
    directory = BUILD / ("unicorn-plain" if plain else "unicorn")
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_headers(CONFIG, directory)
        return Rom(directory, link("rom", directory, {"verify.c": HERE / "plain_verify.c"} if plain else None))


@cache
def _library(headers: Path) -> ctypes.CDLL:
    unicorn = Path(str(files("unicorn")))
    sources = [HERE / f"{name}.c" for name in ("keccak", "chip", "machine", "campaign")]
    inputs = [*sources, *HERE.glob("*.h"), headers / "livetrap_csr.h", headers / "livetrap_formats.h"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(inputs))).hexdigest()
    library = headers / f"chip-{digest[:16]}.so"
    with (headers / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.exists():
            includes = [f"-I{folder}" for folder in (HERE, headers, unicorn / "include")]
            links = ["-L", str(unicorn / "lib"), "-l:libunicorn.so.2", f"-Wl,-rpath,{unicorn / 'lib'}"]
            subprocess.run([*COMPILER, *includes, *map(str, sources), *links, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.processor_new.restype = ctypes.c_void_p
    loaded.processor_new.argtypes = [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint32]
    loaded.processor_free.argtypes = [ctypes.c_void_p]
    loaded.processor_run.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int]
    loaded.processor_at.argtypes, loaded.processor_at.restype = [ctypes.c_void_p], ctypes.c_uint32
    loaded.processor_part.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint32)]
    loaded.processor_part.restype = ctypes.c_void_p
    loaded.chip_warm_reset.argtypes = [ctypes.c_void_p]
    pointers = [ctypes.POINTER(_Conviction), ctypes.POINTER(Findings)]
    loaded.skip_each.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, *pointers]
    return loaded


class UnicornChip:
    """A chip that has just got power: blank fuses, erased flash, nothing executed yet."""

    def __init__(self, rom: Rom):
        self.rom = rom
        self._library = _library(rom.headers)
        recovery = rom.symbols["recovery_run"]
        self.handle = self._library.processor_new(rom.contents, len(rom.contents), recovery)
        self.flash = self._part("flash")
        self.sram = self._part("sram")
        self.fuses = self._part("chip.fuses")
        self._sequence = 0
        self._part("statement")[:] = STATEMENT

    def close(self) -> None:
        self._library.processor_free(self.handle)

    def _part(self, name: str) -> memoryview:
        size = ctypes.c_uint32()
        address = self._library.processor_part(self.handle, name.encode(), size)
        return memoryview((ctypes.c_uint8 * size.value).from_address(address)).cast("B")

    def get(self, name: str) -> int:
        """A u32 of struct chip by its name."""
        return int.from_bytes(self._part(f"chip.{name}"), "little")

    def set(self, **values: int) -> None:
        for name, value in values.items():
            self._part(f"chip.{name}")[:] = value.to_bytes(4, "little")

    @property
    def measurement(self) -> bytes:
        """What the chip's measurement registers hold."""
        return bytes(self._part("chip.measurement"))

    @property
    def restored(self) -> tuple[int, ...]:
        """The words behind boot.restore_index."""
        return struct.unpack("<13I", self._part("chip.restore"))

    def boot(self) -> Outcome:
        """Resets the chip, runs ROM, and stops before the application or recovery mode executes anything."""
        self._library.chip_warm_reset(self.handle)
        return Outcome(self._library.processor_run(self.handle, 0, BLOCKS, 1))

    def go_on(self, blocks: int) -> Outcome:
        """Runs for so many basic blocks from where the chip stopped."""
        at = self._library.processor_at(self.handle)
        return Outcome(self._library.processor_run(self.handle, at, blocks, 0))

    def feed(self, data: bytes) -> None:
        """Puts bytes into the link, which must have been read empty."""
        self._part("rx")[: len(data)] = data
        self._part("rx_next")[:] = bytes(4)
        self._part("rx_end")[:] = len(data).to_bytes(4, "little")

    def exchange(self, request: bytes) -> bytes:
        """The response of a chip in recovery mode to an SMP packet, which must be its only one."""
        self.take()
        self.feed(frame(request))
        assert self.go_on(EXCHANGE_BLOCKS) is Outcome.LIMIT
        (answer,) = unframe(self.take())
        return answer

    def request(self, command: int, body: object = None, **header: int) -> dict:
        """One request, with `packet`'s arguments, to a chip in recovery mode; returns the response's map."""
        self._sequence += 1
        sent = packet(command, body, sequence=self._sequence, **header)
        return response_body(sent, self.exchange(sent))

    def take(self) -> bytes:
        """What was sent since the last call."""
        end = self._part("tx_end")
        data = bytes(self._part("tx")[: int.from_bytes(end, "little")])
        end[:] = bytes(4)
        return data

    def put_image(self, slot: int, image: bytes, *flags: int) -> None:
        """An image in an erased slot, with the given flags (Trailer) set."""
        base = slot * SLOT_BYTES
        self.flash[base : base + SLOT_BYTES] = b"\xff" * SLOT_BYTES
        self.flash[base : base + len(image)] = image
        for flag in flags:
            self.set_flag(slot, flag)

    def set_flag(self, slot: int, flag: int, value: int = 0x5345541D) -> None:
        at = slot * SLOT_BYTES + TRAILER_OFFSET + flag
        self.flash[at : at + 4] = value.to_bytes(4, "little")

    def flag(self, slot: int, flag: int) -> int:
        at = slot * SLOT_BYTES + TRAILER_OFFSET + flag
        return int.from_bytes(self.flash[at : at + 4], "little")


def skip_each(rom: Rom, prepare, first: str) -> tuple[Outcome, Findings]:
    """Boots a chip that `prepare` has made ready, and skips each instruction from function `first` on in one run."""
    reference, faulted, findings = UnicornChip(rom), UnicornChip(rom), Findings()
    prepare(reference)
    try:
        conviction = _Conviction(rom.symbols["verify_evidence"], HSS_VALID)
        places = ctypes.byref(conviction), ctypes.byref(findings)
        outcome = reference._library.skip_each(reference.handle, faulted.handle, rom.symbols[first], *places)
    finally:
        reference.close()
        faulted.close()
    return Outcome(outcome), findings


def notes(rom: Rom, findings: Findings) -> Iterator[str]:
    """The runs that the findings note, for people."""
    for note in findings.note[: findings.notes]:
        outcome = Outcome(note.outcome).name
        yield f"instruction {note.instruction} at {note.address:#x} in {rom.function(note.address)}: {outcome}"
