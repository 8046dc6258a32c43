"""The firmware's C on a modelled chip, compiled for this machine with address and behaviour sanitizers."""

import fcntl
import hashlib
import re
import struct
import subprocess
from functools import cache
from pathlib import Path

import cbor2
from Crypto.Hash import TurboSHAKE128
from smp import packet as smp_packet

from firmware.build import APPLICATION, BUILD, FIRMWARE, LIBRARY
from formats.configuration import Configuration
from formats.flash import FLAG_SET, SLOT_BYTES, TRAILER_OFFSET, JournalRecord, Trailer
from formats.hashing import Domain
from formats.link import USER_GROUP, Command
from formats.otp import CONFIGURATION_BYTES, CONFIGURATION_OFFSET, FLOOR_BYTES, FLOOR_OFFSET
from formats.statement import layout
from rtl.config import CONFIGS
from rtl.generate import write_headers

HOST = Path(__file__).parent / "host"
CONFIG = CONFIGS["test"]
READ, WRITE = 0, 2
HEADER = struct.Struct(">BBHHBB")
POWER_IS_OFF = 0xFFFFFFFF

MODEL = ("chip_model", "driver", "flash_operations", "hash_model", "life_model", "nor_model", "rom_model")
COMPILER = (
    "gcc", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
)  # fmt: skip

_ACCESSOR = re.compile(r"static inline (\w+ \w+\([^)]*\)) \{[^}]*\}")


def without_bodies(header: str) -> str:
    """The generated header with declarations where its accessors were: the model defines them."""
    return _ACCESSOR.sub(r"\1;", header)


@cache
def host_program() -> Path:
    """Builds the driver unless it is there already; returns it."""
    directory = BUILD / "host"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_headers(CONFIG, directory / "generated")
        header = without_bodies((directory / "generated" / "livetrap_csr.h").read_text())
        sources = [FIRMWARE / "lib" / f"{name}.c" for name in LIBRARY]
        sources += [FIRMWARE / "app" / f"{name}.c" for name in APPLICATION]
        sources += [HOST / f"{name}.c" for name in MODEL]
        inputs = [*FIRMWARE.rglob("*.[ch]"), *HOST.glob("*.[ch]"), directory / "generated" / "livetrap_formats.h"]
        digest = hashlib.sha256(header.encode() + b"".join(path.read_bytes() for path in sorted(inputs))).hexdigest()
        program, stamp = directory / "driver", directory / "inputs.sha256"
        if not (program.exists() and stamp.exists() and stamp.read_text() == digest):
            include = directory / "include"
            include.mkdir(exist_ok=True)
            (include / "livetrap_csr.h").write_text(header)
            (include / "livetrap_formats.h").write_text((directory / "generated" / "livetrap_formats.h").read_text())
            folders = [HOST, include, *(FIRMWARE / name for name in ("lib", "app"))]
            includes = [f"-I{folder}" for folder in folders]
            subprocess.run([*COMPILER, *includes, *map(str, sources), "-o", str(program)], check=True)
            stamp.write_text(digest)
    return program


def packet(
    command: int,
    body: object = None,
    *,
    operation: int = READ,
    group: int = USER_GROUP,
    sequence: int = 0,
    version: int = 1,
    encoded: bytes | None = None,
) -> bytes:
    """An SMP packet. body: a CBOR map, or `encoded` in its place. version: as in the header (0 is SMP version 1)."""
    data = cbor2.dumps({} if body is None else body) if encoded is None else encoded
    return HEADER.pack(operation | version << 3, 0, len(data), group, sequence & 0xFF, command) + data


def frame(content: bytes, line_length: int = 127) -> bytes:
    """A packet as the installed smp package encodes it for a serial line."""
    return b"".join(smp_packet.encode(content, line_length))


def unframe(stream: bytes) -> list[bytes]:
    """The packets in what the chip sent, by the installed smp package; fails on anything but whole frames."""
    packets, lines = [], stream.splitlines(keepends=True)
    while lines:
        decoder = smp_packet.decode()
        next(decoder)
        while True:
            assert len(lines[0]) <= 127 and lines[0].endswith(b"\n"), lines[0]
            try:
                decoder.send(lines.pop(0))
            except StopIteration as whole:
                packets.append(whole.value)
                break
    return packets


class PowerCut(Exception):
    """Power was cut in the operation, as `cut` had said."""


class HostChip:
    """One run of the driver: a chip that has been powered on and booted."""

    KNOBS = (
        "provisioned", "derived", "cleared", "statement_cycles", "capture_cycles", "ingest_cycles",
        "statement_refused", "ingest_rejected", "tx_room", "random", "capture_at_image_read",
        "run_cycles", "run_error", "run_macs", "macs", "entropy", "burn_cycles",
    )  # fmt: skip
    STATE = (
        "cycles", "seq", "records", "rate", "bootcount", "captures", "statements", "resets", "waiting",
        "flash_changes", "macs", "held", "running", "lifecycle", "floor", "burns", "refused_burns",
    )  # fmt: skip

    def __init__(self):
        self._process = subprocess.Popen([host_program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._sequence = 0
        self._id = 0

    def close(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(timeout=20) == 0
        self._process.stdout.close()

    def _do(self, operation: str, data: bytes = b"") -> bytes:
        self._process.stdin.write(operation.encode() + struct.pack("<I", len(data)) + data)
        self._process.stdin.flush()
        head = self._process.stdout.read(4)
        assert len(head) == 4, "the firmware crashed: the sanitizer's report is on stderr"
        size = int.from_bytes(head, "little")
        if size == POWER_IS_OFF:
            raise PowerCut
        return self._process.stdout.read(size)

    def new(self, security_version: int = 7, slot: int = 0, *, confirmed: bool = True) -> None:
        """Power for a chip that was never used, whose fuses demand all that its firmware is. It is not booted yet.

        security_version, slot: of the firmware that will be started; confirmed: in the slot's flags.
        """
        self._do("Z")
        self._do("H", struct.pack("<QQ", security_version, slot))
        if confirmed:
            self.write_flash(slot * SLOT_BYTES + TRAILER_OFFSET + Trailer.CONFIRMED, struct.pack("<I", FLAG_SET))
            self.burn(FLOOR_OFFSET, ((1 << security_version) - 1).to_bytes(FLOOR_BYTES, "little"))

    def configure(self, configuration: Configuration) -> None:
        """Gives a chip that is not booted yet its configuration: in the journal, with its digest in the fuses."""
        record = configuration.encode()
        digest = TurboSHAKE128.new(data=record, domain=Domain.CONFIGURATION).read(CONFIGURATION_BYTES)
        self.burn(CONFIGURATION_OFFSET, digest)
        self.batch([("i", b"")])
        assert self.batch([("j", struct.pack("<Q", JournalRecord.CONFIGURATION) + record)]) == [b"\1"]

    def power_on(self, **knobs: int) -> None:
        """A chip that was never used, with the given knobs, reset and nothing polled yet."""
        self.new()
        self.start(**knobs)

    def start(self, **knobs: int) -> None:
        """Boots a chip that has power, with the given knobs; nothing is polled yet."""
        self.set(**knobs)
        self._do("B")

    def burn(self, offset: int, data: bytes) -> None:
        """Makes fuses hold other bytes, whatever they held."""
        self._do("U", struct.pack("<Q", offset) + data)

    def fuses(self) -> bytes:
        return self._do("G")

    def trap(self, cause: int) -> None:
        """Leaves what a trap leaves for the boot after it."""
        self._do("Q", struct.pack("<Q", cause))

    def cut(self, count: int, seed: int) -> None:
        """Cuts power in the count-th program or erase from now: PowerCut is raised, and power_cycle boots again."""
        self.batch([("c", struct.pack("<QQ", count, seed))])

    def save(self) -> None:
        """Keeps a copy of flash and fuses."""
        self.batch([("u", b"")])

    def restore(self) -> None:
        """Flash and fuses as they were when they were saved; power goes off and on, and nothing is booted yet."""
        self.batch([("o", b"")])
        self._do("O")

    def boot(self, **knobs: int) -> None:
        """power_on, and on until the boot statement is in the log."""
        self.power_on(**knobs)
        self.poll(2000)

    def power_cycle(self, **knobs: int) -> None:
        """Power off and on: flash keeps what it holds, and the chip boots."""
        self._do("O")
        self.set(**knobs)
        self._do("B")
        self.poll(2000)

    def warm_reset(self) -> None:
        self._do("W")

    def set(self, **knobs: int) -> None:
        for name, value in knobs.items():
            self._do("K", struct.pack("<QQ", self.KNOBS.index(name), value))

    def advance(self, cycles: int) -> None:
        self._do("A", struct.pack("<Q", cycles))

    def feed(self, stream: bytes) -> None:
        self._do("F", stream)

    def poll(self, turns: int) -> None:
        self._do("P", struct.pack("<Q", turns))

    def take(self) -> bytes:
        """What was sent since the last call."""
        return self._do("T")

    def exchange(self, stream: bytes, quiet_turns: int = 1500) -> list[bytes]:
        """Feeds bytes and polls until the chip is quiet; returns the packets that it sent."""
        return unframe(self._do("X", struct.pack("<Q", quiet_turns) + stream))

    def state(self) -> dict[str, int]:
        return dict(zip(self.STATE, struct.unpack("<17Q", self._do("S")), strict=True))

    def lasting_state(self) -> dict[str, int]:
        """What a refused request must leave as it was: all but the passing of time."""
        return {name: value for name, value in self.state().items() if name not in ("cycles", "waiting")}

    def weights(self, address: int = 0, size: int = CONFIG.weight_bytes) -> bytes:
        return self._do("M", struct.pack("<QQ", address, size))

    def batch(self, operations: list[tuple[str, bytes]]) -> list[bytes | None]:
        """The answers of flash operations (host/flash_operations.c), None for those that power was off for.

        They must have less than 64 KiB together.
        """
        self._process.stdin.write(
            b"".join(name.encode() + struct.pack("<I", len(data)) + data for name, data in operations)
        )
        self._process.stdin.flush()
        answers: list[bytes | None] = []
        for _ in operations:
            head = self._process.stdout.read(4)
            assert len(head) == 4, "the firmware crashed: the sanitizer's report is on stderr"
            size = int.from_bytes(head, "little")
            answers.append(None if size == POWER_IS_OFF else self._process.stdout.read(size))
        return answers

    def flash(self, offset: int, size: int) -> bytes:
        """What flash holds."""
        return self._do("m", struct.pack("<QQ", offset, size))

    def write_flash(self, offset: int, data: bytes) -> None:
        """Makes flash hold other bytes, whatever it held."""
        self._do("w", struct.pack("<Q", offset) + data)

    def is_cbor(self, data: bytes) -> bool:
        return self._do("C", data) == b"\1"

    def crc16(self, data: bytes) -> int:
        return int.from_bytes(self._do("R", data), "little")

    def request(self, command: int, body: object = None, **header) -> dict:
        """One request with a fresh sequence number; returns the body of its only response."""
        self._sequence = header.setdefault("sequence", self._sequence + 1)
        sent = packet(command, body, **header)
        (answer,) = self.exchange(frame(sent))
        return response_body(sent, answer)

    def read(self, command: int, body: object = None) -> dict:
        return self.request(command, body)

    def write(self, command: int, body: dict) -> dict:
        """A write with an id of its own."""
        self._id += 1
        return self.request(command, {**body, "id": self._id}, operation=WRITE)

    def statement(self, seq: int) -> bytes:
        return self.read(Command.STATEMENT, {"seq": seq})["data"]


def response_body(request: bytes, response: bytes) -> dict:
    """Checks a response's header against the request's; returns the map."""
    operation, flags, length, group, sequence, command = HEADER.unpack(response[:8])
    asked = HEADER.unpack(request[:8])
    assert operation == asked[0] + 1 and flags == 0
    assert (group, sequence, command) == asked[3:]
    assert length == len(response) - 8
    body = cbor2.loads(response[8:])
    assert cbor2.dumps(body) == response[8:], "not the preferred encoding"
    return body


def claim(statement: bytes, name: str) -> bytes:
    """The bytes of a claim's slot in a statement."""
    start = len(layout().statement_prefix) + layout()[name].offset
    return statement[start : start + layout()[name].size]


def facts(chip: HostChip, seq: int) -> tuple[int, int, bytes]:
    """Kind, cause and nonce of a statement in the log; checks that it stands where its seq says."""
    statement = chip.statement(seq)
    assert int.from_bytes(claim(statement, "seq"), "big") == seq
    assert claim(statement, "digest") == bytes(32)
    return claim(statement, "kind")[0], claim(statement, "cause")[0], claim(statement, "nonce")


def error(code: int) -> dict:
    """The body of a user group error in version 2."""
    return {"err": {"group": USER_GROUP, "rc": code}}
