"""A chip on the other end of a host link: everything that its firmware offers, as methods.

The commands are defined in formats/link.py. Every method can raise LinkTimeout, LinkError, PortLost, and
ChipRefusal with the chip's reason.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.descriptor import Run
from formats.hashing import DIGEST_BYTES, WORD_BYTES
from formats.link import CHUNK_BYTES, OS_GROUP, Command, OsCommand
from formats.records import Record, RecordKind
from host.answers import (
    AcceleratorState,
    Counters,
    Info,
    Parameters,
    Progress,
    byte_string,
    integer,
    no_progress,
    text,
)
from host.errors import AcceleratorStopped, LinkError, LinkTimeout, LivetrapError
from host.evidence.recorder import Recorder
from host.life import Life
from host.link.exchange import DEFAULT_TIMEOUT, Exchange
from host.link.message import ChipRefusal, Operation
from host.link.ports import open_port
from host.link.serial_port import DEFAULT_BAUD
from host.requests import BUSY_PAUSE


class Device(Life):
    """An attached chip; a context manager that closes the link.

    recorder: notes every record that enters the chip through this object.
    """

    def __init__(self, exchange: Exchange, recorder: Recorder | None = None) -> None:
        super().__init__(exchange)
        self._recorder = recorder
        self._unsettled = False
        if recorder is not None:
            info = self.info()
            recorder.attach(info.ueid, info.bootcount, self.counters().records)

    @classmethod
    def open(
        cls,
        port: str,
        baud: int = DEFAULT_BAUD,
        timeout: float = DEFAULT_TIMEOUT,
        record: Path | None = None,
    ) -> Self:
        """The chip at a port: a serial device, a pty, `tcp://HOST:PORT`, or `sim`.

        timeout: seconds for each request with its retries. record: file that notes what is loaded (see
        `Recorder`). Raises PortError when the port cannot be used, EvidenceError when the record cannot be
        continued.
        """
        transport = open_port(port, baud)
        try:
            return cls(Exchange(transport, timeout), Recorder(record) if record else None)
        except BaseException:
            transport.close()
            raise

    def close(self) -> None:
        """Closes the record, if one is kept, and the link."""
        if self._recorder is not None:
            self._recorder.close()
        self.exchange.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What the chip says.

    def counters(self) -> Counters:
        """The chip's counters as they are now. Raises as `info` does."""
        return Counters.of(self._read(Command.COUNTERS))

    def parameters(self) -> Parameters:
        """SMP's own answer on packet sizes."""
        body = self.exchange.request(Operation.READ, OS_GROUP, OsCommand.PARAMETERS, {})
        return Parameters(integer(body, "buf_size"), integer(body, "buf_count"))

    def echo(self, message: str) -> str:
        """The chip repeats the message."""
        return text(self.exchange.request(Operation.WRITE, OS_GROUP, OsCommand.ECHO, {"d": message}), "r")

    # Statements and snapshots.

    def attest(self, nonce: bytes) -> int:
        """Has a head statement made over the inspector's 32-byte nonce. Returns its seq."""
        return integer(self._write(Command.ATTEST, {"nonce": _nonce(nonce)}), "seq")

    def precommit(self, digest: bytes) -> int:
        """Has a precommit statement made over a 32-byte digest that is not zero. Returns its seq."""
        if len(digest) != DIGEST_BYTES or not any(digest):
            raise LivetrapError(f"a precommitment is a digest of {DIGEST_BYTES} bytes and not zero")
        return integer(self._write(Command.PRECOMMIT, {"digest": digest}), "seq")

    def snapshot(self, nonce: bytes | None = None) -> int:
        """Has a snapshot taken and stated; with an inspector's 32-byte nonce, its cause is the challenge.

        Returns the seq of its statement.
        """
        body = {} if nonce is None else {"nonce": _nonce(nonce)}
        return integer(self._write(Command.SNAPSHOT, body), "seq")

    def statement(self, seq: int) -> bytes:
        """The COSE_Sign1 with this seq."""
        body = self._read(Command.STATEMENT, {"seq": seq})
        if integer(body, "seq") != seq:
            raise LinkError(f"the chip answered statement {body.get('seq')} when asked for {seq}")
        return byte_string(body, "data")

    def statements(self, first: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(seq, COSE_Sign1) of every statement from `first`, or from the oldest that the chip has."""
        info = self.info()
        for seq in range(info.first if first is None else first, info.seq):
            yield seq, self.statement(seq)

    def read_page(self, seq: int, page: int, page_size: int) -> bytes:
        """One page of the image of the snapshot `seq`. The chip keeps the newest image alone."""
        return self._chunks(Command.PAGE, {"seq": seq}, "off", page * page_size, page_size, no_progress)

    def read_image(self, seq: int, size: int, progress: Progress = no_progress) -> bytes:
        """The first `size` bytes of the image of the snapshot `seq`."""
        return self._chunks(Command.PAGE, {"seq": seq}, "off", 0, size, progress)

    # Accelerator memory.

    def read_memory(self, address: int, length: int, progress: Progress = no_progress) -> bytes:
        """Bytes of accelerator memory; address and length are multiples of 8."""
        return self._chunks(Command.MEMORY, {}, "addr", address, length, progress)

    def write_memory(self, address: int, data: bytes, progress: Progress = no_progress) -> int:
        """Writes accelerator memory; address and length are multiples of 8.

        Each CHUNK_BYTES become one ingest record. Returns the records completed since boot.
        """
        if address % WORD_BYTES or len(data) % WORD_BYTES or not data:
            raise LivetrapError(f"address {address:#x} and length {len(data)} must be multiples of {WORD_BYTES}")
        records = 0
        for start in range(0, len(data), CHUNK_BYTES):
            record = Record(RecordKind.WRITE, address + start, data[start : start + CHUNK_BYTES])
            body = {"addr": record.address, "data": record.payload}
            records = self._ingest(record, Command.MEMORY, body)
            progress(start + len(record.payload), len(data))
        return records

    def trigger_rate(self) -> int:
        """The random trigger's rate in force: it fires with probability rate / 2**64 at each tick."""
        return integer(self._read(Command.TRIGGER), "rate")

    def set_trigger_rate(self, rate: int) -> int:
        """Sets the rate, by an ingest record. Returns the records completed since boot."""
        if not 0 <= rate < 1 << 64:
            raise LivetrapError(f"the rate {rate} does not lie in 0 to 2**64 - 1")
        record = Record(RecordKind.TRIGGER_RATE, 0, rate.to_bytes(WORD_BYTES, "little"))
        return self._ingest(record, Command.TRIGGER, {"rate": rate})

    # The accelerator.

    def run(self, address: int, run: Run) -> int:
        """Starts a run of the descriptors at an address, when the one before is over.

        Returns the records completed since boot. Raises ChipRefusal with STOPPED when an earlier run stopped at a
        descriptor that was refused, with BUSY when the run before lasts longer than the link's timeout.
        """
        record = Record(RecordKind.RUN, address, run.encode())
        window = {"open": run.open_begin, "end": run.open_end}
        return self._ingest(
            record, Command.RUN, {"addr": address, "count": run.count, "iterations": run.iterations, **window}
        )

    def accelerator(self) -> AcceleratorState:
        """The accelerator as it is now."""
        return AcceleratorState.of(self._read(Command.ACCELERATOR))

    def clear_accelerator(self) -> None:
        """Clears the error at which the accelerator stopped; waits for a run in progress as `run` does."""
        self._write(Command.ACCELERATOR, {})

    def wait_idle(self, seconds: float, meanwhile: Callable[[], object] | None = None) -> AcceleratorState:
        """Waits until no run is in progress, and calls `meanwhile`, or else the device's own, again and again.

        Raises AcceleratorStopped when a descriptor was refused, LinkTimeout when a run lasts longer than that, not
        counting what is done meanwhile.
        """
        before, self.meanwhile = self.meanwhile, meanwhile or self.meanwhile
        try:
            for last in self._waits(seconds):
                state = self.accelerator()
                if not state.busy:
                    break
                if last:
                    held = self.receipt_state().held
                    how = "relay to its log server" if held else "wait, or reset the chip"
                    why = "held until a receipt comes" if held else "still busy"
                    raise LinkTimeout(f"the accelerator is {why} after {seconds:g} s: {how}")
        finally:
            self.meanwhile = before
        if state.error:
            raise AcceleratorStopped(
                f"the accelerator stopped at the descriptor at {state.at:#x}: {state.error.explanation}"
            )
        return state

    def reset(self) -> Info:
        """Has the chip boot anew, which clears its memory, and waits for it. Returns its info afterwards.

        Raises LinkTimeout when it does not come back, or comes back without a boot, within the link's timeout.
        """
        before = self.info().bootcount
        self.exchange.request(Operation.WRITE, OS_GROUP, OsCommand.RESET, {})
        deadline = time.monotonic() + self.exchange.timeout
        while time.monotonic() < deadline:
            time.sleep(BUSY_PAUSE)
            try:
                info = self.info()
            except (LinkTimeout, ChipRefusal):
                continue
            if info.bootcount > before:
                if self._recorder is not None:
                    self._recorder.close()
                    self._recorder.attach(info.ueid, info.bootcount, self.counters().records)
                return info
        raise LinkTimeout(f"port {self.exchange.transport.name}: the chip did not boot anew")

    # How pieces and records are sent.

    def _chunks(
        self, command: Command, body: Mapping[str, object], name: str, first: int, length: int, progress: Progress
    ) -> bytes:
        """`length` bytes from `first`, read in pieces; the chip may say that a piece is all zeros."""
        result = bytearray()
        while len(result) < length:
            at, size = first + len(result), min(CHUNK_BYTES, length - len(result))
            answer = self._read(command, {**body, name: at, "len": size})
            zeros = integer(answer, "zeros") if "zeros" in answer else None
            data = bytes(size) if zeros is not None else byte_string(answer, "data")
            if integer(answer, name) != at or len(data) != size or zeros not in (None, size):
                raise LinkError(f"the chip answered other bytes than the {size} at {at:#x} that it was asked for")
            result += data
            progress(len(result), length)
        return bytes(result)

    def _ingest(self, record: Record, command: Command, body: Mapping[str, object]) -> int:
        """Sends one ingest record, noting it before and settling afterwards whether the chip took it."""
        recorder = self._recorder
        if recorder is None:
            return integer(self._write(command, body), "records")
        if self._unsettled:
            recorder.reconcile(self.counters().records)
        recorder.write(record)
        self._unsettled = True
        try:
            records = integer(self._write(command, body), "records")
        except ChipRefusal:
            recorder.reconcile(self.counters().records)
            self._unsettled = False
            raise
        recorder.reconcile(records)
        self._unsettled = False
        return records


def _nonce(nonce: bytes) -> bytes:
    if len(nonce) != DIGEST_BYTES or not any(nonce):
        raise LivetrapError(f"a nonce has {DIGEST_BYTES} bytes and is not zero")
    return nonce
