"""Re-execution of a boot: accelerator memory and counters at any position that a statement names."""

from collections.abc import Sequence
from dataclasses import dataclass

from formats.descriptor import DESCRIPTOR_BYTES, Descriptor, Run
from formats.hashing import WORD_BYTES
from formats.records import Record, RecordKind
from host.errors import FieldError
from sim.golden.accelerator import execute_run, macs_of
from sim.golden.operands import program_refusal, refusal

from .records import SUBJECT, check_position


@dataclass(frozen=True)
class Position:
    """Where a boot is: completed records, words of the record in progress, descriptors completed."""

    records: int
    words: int
    descriptor: int


@dataclass(frozen=True)
class Moment:
    """A boot at a position.

    steps, macs: since the boot. running: whether another descriptor follows without another record. next_macs: that
    descriptor's multiply-accumulates; it may be in progress.
    """

    memory: bytes
    steps: int
    macs: int
    running: bool
    next_macs: int


class Replay:
    """A boot from its records, by the golden accelerator; it goes forward only.

    size: bytes of accelerator memory, zero at boot.
    """

    def __init__(self, records: Sequence[Record], size: int) -> None:
        self._records = records
        self._memory = bytearray(size)
        self._completed = self._descriptor = 0
        self._steps = self._macs = 0
        self._run: tuple[int, Run, int] | None = None
        """Address of the run in progress, the run, and its descriptors completed."""

    def to(self, position: Position) -> Moment:
        """The boot at a position with at least as many records as the ones asked for before.

        Descriptors of a run in progress and the records that need not wait for it commute, so one order stands for
        all. No more descriptors are executed than the position says. Raises FieldError of the record when it does not
        lead there: field "descriptor" if it does, but not with so many descriptors. Later positions may still be
        asked for then. Raises ValueError for fewer records than before.
        """
        if position.records < self._completed:
            raise ValueError(f"{self._completed} records are replayed, more than {position.records}")
        check_position(self._records, position.records, position.words)
        while self._completed < position.records:
            record = self._records[self._completed]
            self._apply(record, len(record.payload) // WORD_BYTES, position.descriptor)
            if record.kind is RecordKind.RUN:
                run = Run.decode(record.payload)
                self._run = (record.address, run, 0) if run.descriptors else None
            self._completed += 1
        if position.words:
            self._apply(self._records[position.records], position.words, position.descriptor)
        self._execute(position.descriptor)
        if self._descriptor != position.descriptor:
            bound = "most" if self._descriptor < position.descriptor else "least"
            expected = f"at {bound} {self._descriptor}, as the record gives"
            raise FieldError(SUBJECT, "descriptor", expected, str(position.descriptor))
        following = self._following()
        next_macs = macs_of(following) if following else 0
        return Moment(bytes(self._memory), self._steps, self._macs, following is not None, next_macs)

    def _apply(self, record: Record, words: int, limit: int) -> None:
        """The first words of the next record, behind what it waits for."""
        if record.kind is RecordKind.RUN or (record.kind is RecordKind.WRITE and self._must_wait(record)):
            self._execute(limit)
            if self._following():
                expected = f"more than {self._descriptor}, as record {self._completed} waits for the end of a run"
                raise FieldError(SUBJECT, "descriptor", expected, str(limit))
            self._run = None
        if record.kind is RecordKind.WRITE:
            subject, end = f"{SUBJECT}: record {self._completed}", record.address + len(record.payload)
            if end > len(self._memory):
                raise FieldError(subject, "address", f"an end within {len(self._memory):#x}", f"{end:#x}")
            size = words * WORD_BYTES
            self._memory[record.address : record.address + size] = record.payload[:size]

    def _must_wait(self, record: Record) -> bool:
        end = record.address + len(record.payload)
        return self._run is not None and not self._run[1].leaves_open(record.address, end)

    def _execute(self, limit: int) -> None:
        """The run in progress, until so many descriptors of the boot are completed."""
        if self._run is None or limit <= self._descriptor:
            return
        address, run, done = self._run
        outcome = execute_run(bytes(self._memory), address, run, limit - self._descriptor, done)
        self._memory[:] = outcome.memory
        self._steps += outcome.steps
        self._macs += outcome.macs
        self._descriptor += outcome.descriptors
        done += outcome.descriptors
        over = bool(outcome.error) or done == run.descriptors
        self._run = None if over else (address, run, done)

    def _following(self) -> Descriptor | None:
        """The descriptor of the run in progress that is carried out next; None if it is refused, or there is none."""
        if self._run is None:
            return None
        address, run, done = self._run
        iteration, index = divmod(done, run.count)
        at, size = address + index * DESCRIPTOR_BYTES, len(self._memory)
        if program_refusal(at, size, run):
            return None
        descriptor = Descriptor.decode(bytes(self._memory[at : at + DESCRIPTOR_BYTES]))
        return None if refusal(descriptor, iteration, size, run) else descriptor
