"""A chip in Python behind a pseudo-terminal or TCP: the golden chip with SMP in front of it.

It is quick, and can misbehave on request, as the emulated chip cannot: lose and garble frames, be busy, be
unplugged. Framing and headers come from the `smp` package, so it shares no link code with the host.
"""

import base64
import contextlib
import os
import select
import socket
import struct
import threading
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

import cbor2
from smp import packet as smp_packet

from formats.configuration import Configuration
from formats.descriptor import Run
from formats.link import (
    CERTIFICATE_BYTES,
    CHUNK_BYTES,
    IMAGE_GROUP,
    OS_GROUP,
    PACKET_BYTES,
    USER_GROUP,
    ChipError,
    Command,
    OsCommand,
    SmpError,
)
from formats.otp import Lifecycle
from formats.records import Record, RecordKind
from formats.statement import Cause, Kind
from sim.golden import chip as golden
from tests.fake_life import DEFAULT_CONFIGURATION, FakeLife, Refusal, stated

HEADER = struct.Struct(">BBHHBB")
READ, WRITE = 0, 2
CHIP_ID = bytes(range(16))
SEED = bytes(range(100, 132))


@dataclass
class Faults:
    """What goes wrong. lose: responses to leave out; garble: responses to spoil; busy: write requests to refuse;
    each counts down. run_polls: requests about the accelerator during which a run goes on. deaf: requests are not
    heard. console: text sent before every response. before: called with (command, operation) before a request is
    carried out."""

    lose: int = 0
    garble: int = 0
    busy: int = 0
    run_polls: int = 0
    deaf: bool = False
    console: bytes = b""
    before: Callable[[int, int], None] = field(default=lambda command, operation: None)


class FakeChip(FakeLife):
    """A booted chip with one client at a time; `handle` is its firmware. `capacity` statements fit in its log.

    raw: it has no identity yet. firmware: it has some; otherwise it is in recovery mode.
    """

    def __init__(
        self,
        capacity: int = 64,
        pages: int = 5,
        seed: bytes = SEED,
        chip_id: bytes = CHIP_ID,
        configuration: Configuration = DEFAULT_CONFIGURATION,
        raw: bool = False,
        firmware: bool = True,
    ) -> None:
        self.faults = Faults()
        self.capacity = capacity
        self.log: dict[int, bytes] = {}
        self.image: tuple[int, bytes] | None = None
        self.certificate: bytes | None = None
        self.requests: list[tuple[int, int, int]] = []
        self._busy = 0
        self._cycles = {"busy_cycles": 0, "stall_cycles": 0}
        self._last: tuple[tuple[int, int], bytes] | None = None
        self.chip = golden.Chip(chip_id, seed, pages=pages)
        self.begin_life(configuration, raw, firmware)
        self.boot()

    def boot(self) -> None:
        self._busy = 0
        while self.choose_firmware():
            self.chip, statement = golden.boot(self.chip)
            self.log[self.chip.seq - 1] = statement
            if self.slots[self.active].confirmed or not self.boot_faults.crash:
                self.state_events()
                return

    def _state(self, kind: Kind, digest: bytes) -> int:
        self.chip, statement = stated(self.chip, kind, digest)
        self.log[self.chip.seq - 1] = statement
        return self.chip.seq - 1

    def snapshot(self, cause: Cause = Cause.RANDOM, nonce: bytes = golden.ZEROS) -> int:
        image = self.chip.memory
        self.chip, statement = golden.snapshot(golden.wait(self.chip, 1000), cause, nonce)
        self.log[self.chip.seq - 1] = statement
        self.image = self.chip.seq - 1, image
        return self.chip.seq - 1

    def handle(self, packet: bytes) -> bytes | None:
        """The response to one SMP packet."""
        if len(packet) < HEADER.size:
            return None
        first, _, length, group, sequence, command = HEADER.unpack_from(packet)
        operation, body_bytes = first & 7, packet[HEADER.size :]
        self.requests.append((command, operation, sequence))

        def respond(body: dict[str, object]) -> bytes:
            data = cbor2.dumps(body)
            return HEADER.pack(first & 0x18 | operation + 1, 0, len(data), group, sequence, command) + data

        if length != len(body_bytes):
            return respond({"rc": int(SmpError.CORRUPT)})
        try:
            body = cbor2.loads(body_bytes)
            assert isinstance(body, dict)
        except (cbor2.CBORError, AssertionError):
            return respond({"err": {"group": group, "rc": int(ChipError.MALFORMED)}})
        key = (sequence, body["id"]) if "id" in body else None
        if key and self._last and self._last[0] == key:
            return self._last[1]
        self.faults.before(command, operation)
        try:
            if group == OS_GROUP:
                response = respond(self._os(command, body))
            elif group == USER_GROUP:
                response = respond(self._user(command, operation, body))
                self.confirm()
            elif group == IMAGE_GROUP:
                response = respond(self.image_group(command, operation, body))
            else:
                response = respond({"rc": int(SmpError.NOT_SUPPORTED)})
        except Refusal as refusal:
            return respond({"err": {"group": group, "rc": int(refusal.args[0])}})
        if key:
            self._last = key, response
        return response

    def _os(self, command: int, body: dict[str, object]) -> dict[str, object]:
        if command == OsCommand.ECHO:
            return {"r": body["d"]}
        if command == OsCommand.PARAMETERS:
            return {"buf_size": PACKET_BYTES + 4, "buf_count": 1}
        if command == OsCommand.RESET:
            self.boot()
            return {}
        raise Refusal(ChipError.UNKNOWN_COMMAND)

    def _user(self, command: int, operation: int, body: dict[str, object]) -> dict[str, object]:
        if operation == WRITE and self.faults.busy:
            self.faults.busy -= 1
            raise Refusal(ChipError.BUSY)
        commands = {
            (Command.INFO, READ): self._info,
            (Command.ATTEST, WRITE): self._attest,
            (Command.SNAPSHOT, WRITE): self._snapshot,
            (Command.STATEMENT, READ): self._statement,
            (Command.PAGE, READ): self._page,
            (Command.MEMORY, READ): lambda body: self._part(self.chip.memory, "addr", body),
            (Command.MEMORY, WRITE): self._write_memory,
            (Command.TRIGGER, READ): lambda body: {"rate": self.chip.rate},
            (Command.TRIGGER, WRITE): self._set_rate,
            (Command.RUN, WRITE): self._run,
            (Command.ACCELERATOR, READ): self._accelerator,
            (Command.ACCELERATOR, WRITE): self._clear_accelerator,
            (Command.PRECOMMIT, WRITE): self._precommit,
            (Command.COUNTERS, READ): self._counters,
            (Command.LIFECYCLE, WRITE): self.raise_lifecycle,
            (Command.CONFIGURATION, READ): lambda body: {"data": self.configuration.encode()},
            (Command.EVENT, READ): self.read_event,
            (Command.RECEIPT, READ): self.read_receipt,
            (Command.RECEIPT, WRITE): self.take_receipt,
            (Command.TRUNCATE, WRITE): self.truncate,
            (Command.CERTIFICATE, READ): self._read_certificate,
            (Command.CERTIFICATE, WRITE): self._write_certificate,
        }
        if self.recovery:
            commands = {}
        commands |= {(Command.BOOT, READ): self.read_boot, (Command.PROVISION, WRITE): self.provision}
        if (command, operation) not in commands:
            raise Refusal(ChipError.UNKNOWN_COMMAND)
        try:
            return commands[Command(command), operation](body)
        except (KeyError, TypeError, AttributeError):
            raise Refusal(ChipError.MALFORMED) from None

    def _info(self, body: dict[str, object]) -> dict[str, object]:
        chip = self.chip
        return {
            "ueid": chip.ueid,
            "key": chip.public_key,
            "firmware": chip.measurement,
            "version": chip.security_version,
            "config": "fake",
            "pages": chip.pages,
            "page_size": chip.page_size,
            "map": 0,
            "bootcount": chip.bootcount,
            "seq": chip.seq,
            "first": min(self.log, default=chip.seq),
            "capacity": self.capacity,
        }

    def _room(self) -> None:
        if self.chip.lifecycle is Lifecycle.RETIRED:
            raise Refusal(ChipError.RETIRED)
        self._log_room()

    def _log_room(self) -> None:
        if len(self.log) >= self.capacity:
            raise Refusal(ChipError.LOG_FULL)

    def _attest(self, body: dict[str, object]) -> dict[str, object]:
        self._log_room()
        self.chip, statement = golden.head(golden.wait(self.chip, 10), body["nonce"])
        self.log[self.chip.seq - 1] = statement
        return {"seq": self.chip.seq - 1}

    def _snapshot(self, body: dict[str, object]) -> dict[str, object]:
        self._room()
        if "nonce" in body:
            return {"seq": self.snapshot(Cause.CHALLENGE, body["nonce"])}
        return {"seq": self.snapshot(Cause.HOST)}

    def _statement(self, body: dict[str, object]) -> dict[str, object]:
        if body["seq"] not in self.log:
            raise Refusal(ChipError.NOT_FOUND)
        return {"seq": body["seq"], "data": self.log[body["seq"]]}

    def _page(self, body: dict[str, object]) -> dict[str, object]:
        if self.image is None or body["seq"] not in self.log:
            raise Refusal(ChipError.NOT_FOUND)
        if self.image[0] != body["seq"]:
            raise Refusal(ChipError.SUPERSEDED)
        return self._part(self.image[1], "off", body)

    def _part(self, memory: bytes, name: str, body: dict[str, object]) -> dict[str, object]:
        first, length = body[name], body["len"]
        if length > CHUNK_BYTES:
            raise Refusal(ChipError.TOO_LARGE)
        if first % 8 or length % 8:
            raise Refusal(ChipError.MISALIGNED)
        if not 0 < length <= len(memory) - first:
            raise Refusal(ChipError.OUT_OF_RANGE)
        data = memory[first : first + length]
        return {name: first, "data": data} if any(data) else {name: first, "zeros": length}

    def _write_memory(self, body: dict[str, object]) -> dict[str, object]:
        self._room()
        if len(body["data"]) > CHUNK_BYTES:
            raise Refusal(ChipError.TOO_LARGE)
        if body["addr"] % 8 or len(body["data"]) % 8:
            raise Refusal(ChipError.MISALIGNED)
        if not 0 < len(body["data"]) <= len(self.chip.memory) - body["addr"]:
            raise Refusal(ChipError.OUT_OF_RANGE)
        return self._take(Record(RecordKind.WRITE, body["addr"], body["data"]))

    def _set_rate(self, body: dict[str, object]) -> dict[str, object]:
        self._room()
        return self._take(Record(RecordKind.TRIGGER_RATE, 0, body["rate"].to_bytes(8, "little")))

    def _run(self, body: dict[str, object]) -> dict[str, object]:
        self._room()
        if body["addr"] % 8:
            raise Refusal(ChipError.MISALIGNED)
        if self.chip.error:
            raise Refusal(ChipError.STOPPED)
        if self.held:
            raise Refusal(ChipError.HELD)
        run = Run(body["count"], body["iterations"], body["open"], body["end"])
        response = self._take(Record(RecordKind.RUN, body["addr"], run.encode()))
        self._busy = self.faults.run_polls
        self._finish_run()
        return response

    def _finish_run(self) -> None:
        """A run lasts for so many requests as the faults say, and does not go on while it is held."""
        if self.held:
            return
        if self._busy:
            self._busy -= 1
        else:
            self.chip = golden.execute(self.chip)

    def _accelerator(self, body: dict[str, object]) -> dict[str, object]:
        self._finish_run()
        at = self.chip.error_address
        return {"busy": int(self.chip.run is not None), "error": int(self.chip.error), "at": at, **self._cycles}

    def _clear_accelerator(self, body: dict[str, object]) -> dict[str, object]:
        self._finish_run()
        if self.chip.run is not None:
            raise Refusal(ChipError.BUSY)
        self.chip = golden.clear(self.chip)
        return {}

    def _precommit(self, body: dict[str, object]) -> dict[str, object]:
        self._room()
        self.chip, statement = golden.precommit(golden.wait(self.chip, 10), body["digest"])
        self.log[self.chip.seq - 1] = statement
        return {"seq": self.chip.seq - 1}

    def _take(self, record: Record) -> dict[str, object]:
        self._finish_run()
        if golden.must_wait(self.chip, record):
            raise Refusal(ChipError.BUSY)
        self.chip = golden.take(golden.wait(self.chip, 50), record)
        return {"records": self.chip.records}

    def _counters(self, body: dict[str, object]) -> dict[str, object]:
        chip = self.chip
        zeros = dict.fromkeys(("captures", "stalls", "capture_cycles", "sign_cycles"), 0)
        accelerated = {"macs": chip.macs, "steps": chip.steps, "descriptors": chip.descriptor}
        return {**zeros, **accelerated, "ticks": chip.ticks, "records": chip.records}

    def _read_certificate(self, body: dict[str, object]) -> dict[str, object]:
        if self.certificate is None:
            raise Refusal(ChipError.NOT_FOUND)
        return {"data": self.certificate}

    def _write_certificate(self, body: dict[str, object]) -> dict[str, object]:
        if self.certificate is not None:
            raise Refusal(ChipError.ALREADY_SET)
        if len(body["data"]) > CERTIFICATE_BYTES:
            raise Refusal(ChipError.TOO_LARGE)
        self.certificate = body["data"]
        return {}


class Served:
    """A FakeChip behind a link ("pty" or "tcp") until `stop`; `port` is its name."""

    def __init__(self, chip: FakeChip, link: str = "pty") -> None:
        self.chip = chip
        self._stopping, self._wake = os.pipe()
        self._listener: socket.socket | None = None
        self._slave: int | None = None
        if link == "pty":
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            self.port = os.ttyname(self._slave)
            target = self._serve_pty
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
            target = self._serve_tcp
        self._thread = threading.Thread(target=target, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops serving; to a client the port is then unplugged."""
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1
            if threading.current_thread() is not self._thread:
                self._thread.join(10)

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve_pty(self) -> None:
        try:
            self._serve(self._master, lambda: os.read(self._master, 4096), lambda data: os.write(self._master, data))
        finally:
            os.close(self._slave)
            os.close(self._master)

    def _serve_tcp(self) -> None:
        with self._listener:
            while self._listener in select.select([self._listener, self._stopping], [], [])[0] and self._wake >= 0:
                client, _ = self._listener.accept()
                with client, contextlib.suppress(ConnectionError):
                    self._serve(client.fileno(), lambda client=client: client.recv(4096), client.sendall)

    def _serve(self, descriptor: int, read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        pending = b""
        lines: list[bytes] = []
        while self._wake >= 0:
            if self._stopping in select.select([descriptor, self._stopping], [], [])[0]:
                return
            data = read()
            if not data:
                return
            *whole, pending = (pending + data).split(b"\n")
            for line in whole:
                packet = self._packet(lines, line)
                if packet is not None and not self.chip.faults.deaf:
                    self._answer(packet, write)

    @staticmethod
    def _packet(lines: list[bytes], line: bytes) -> bytes | None:
        """Collects lines; the packet when one is whole and its length and CRC fit."""
        if line[:2] == smp_packet.START_DELIMITER:
            lines[:] = [line[2:]]
        elif line[:2] == smp_packet.CONTINUE_DELIMITER and lines:
            lines.append(line[2:])
        else:
            return None
        try:
            frame = b"".join(base64.b64decode(part, validate=True) for part in lines)
        except ValueError:
            lines.clear()
            return None
        if len(frame) < 2 or len(frame) - 2 < int.from_bytes(frame[:2], "big"):
            return None
        lines.clear()
        packet, crc = frame[2:-2], frame[-2:]
        return packet if smp_packet.crc16_func(packet).to_bytes(2, "big") == crc else None

    def _answer(self, packet: bytes, write: Callable[[bytes], object]) -> None:
        faults = self.chip.faults
        response = self.chip.handle(packet)
        if response is None:
            return
        if faults.lose:
            faults.lose -= 1
            return
        frame = b"".join(smp_packet.encode(response, line_length=128))
        if faults.garble:
            faults.garble -= 1
            frame = frame[:20] + b"?" + frame[21:]
        write(faults.console + frame)
