"""Re-execution of a boot: accelerator memory and counters at any position that a statement names."""

from collections.abc import Sequence
from dataclasses import dataclass

from formats.descriptor import DESCRIPTOR_BYTES, Descriptor, Run
from formats.hashing import WORD_BYTES
from formats.records import Record, RecordKind
from host.errors import FieldError
from sim.golden.accelerator import execute_run, macs_of

from .records import SUBJECT, check_position


@dataclass(frozen=True)
class Position:
    """Where a boot is: completed records, words of the record in progress, descriptors completed."""

    records: int
    words: int
    descriptor: int


@dataclass(frozen=True)
class Moment:
    """A boot at a position. steps, macs: since the boot. next_macs: of the descriptor that may be in progress."""

    memory: bytes
    steps: int
    macs: int
    next_macs: int


class Replay:
    """A boot from its records, by the golden accelerator; it goes forward only.

    size: bytes of accelerator memory, zero at boot.
    """

    def __init__(self, records: Sequence[Record], size: int) -> None:
        self._records = records
        self._memory = bytearray(size)
        self._at = Position(0, 0, 0)
        self._steps = self._macs = 0
        self._run: tuple[int, Run, int] | None = None
        """Address of the run in progress, the run, and its descriptors completed."""

    def to(self, position: Position) -> Moment:
        """The boot at a position that is not before the last one asked for.

        Descriptors of a run in progress and the records that need not wait for it commute, so one order stands for
        all. No more descriptors are executed than the position says. Raises FieldError when the records do not lead
        there, or write outside memory.
        """
        check_position(self._records, position.records, position.words)
        for index in range(self._at.records, position.records):
            self._apply(index, len(self._records[index].payload) // WORD_BYTES, position.descriptor)
            if self._records[index].kind is RecordKind.RUN:
                run = Run.decode(self._records[index].payload)
                self._run = (self._records[index].address, run, 0) if run.descriptors else None
            self._at = Position(index + 1, 0, self._at.descriptor)
        if position.words:
            self._apply(position.records, position.words, position.descriptor)
        self._execute(position.descriptor)
        if self._at.descriptor != position.descriptor:
            raise FieldError(
                SUBJECT,
                "descriptors",
                f"{position.descriptor} by record {position.records}",
                str(self._at.descriptor),
            )
        self._at = position
        return Moment(bytes(self._memory), self._steps, self._macs, self._next_macs())

    def _apply(self, index: int, words: int, limit: int) -> None:
        """The first words of a record, behind what it waits for."""
        record = self._records[index]
        end = record.address + words * WORD_BYTES
        if record.kind is RecordKind.RUN or (record.kind is RecordKind.WRITE and self._must_wait(record)):
            self._execute(limit)
            if self._run is not None and not self._stops_here():
                left = self._run[1].descriptors - self._run[2]
                raise FieldError(
                    SUBJECT, f"descriptors before record {index}", f"{self._at.descriptor + left}", str(limit)
                )
        if record.kind is RecordKind.WRITE:
            if end > len(self._memory):
                raise FieldError(
                    f"{SUBJECT}: record {index}", "address", f"an end within {len(self._memory):#x}", f"{end:#x}"
                )
            self._memory[record.address : end] = record.payload[: words * WORD_BYTES]

    def _stops_here(self) -> bool:
        """Whether the next descriptor of the run in progress is refused, and so the run is over."""
        if self._run is None:
            return False
        address, run, done = self._run
        outcome = execute_run(bytes(self._memory), address, run, 1, done)
        if outcome.error:
            self._run = None
        return bool(outcome.error)

    def _must_wait(self, record: Record) -> bool:
        end = record.address + len(record.payload)
        return self._run is not None and not self._run[1].leaves_open(record.address, end)

    def _execute(self, limit: int) -> None:
        """The run in progress, until so many descriptors of the boot are completed."""
        if self._run is None or limit <= self._at.descriptor:
            return
        address, run, done = self._run
        outcome = execute_run(bytes(self._memory), address, run, limit - self._at.descriptor, done)
        self._memory[:] = outcome.memory
        self._steps += outcome.steps
        self._macs += outcome.macs
        self._at = Position(self._at.records, self._at.words, self._at.descriptor + outcome.descriptors)
        done += outcome.descriptors
        over = bool(outcome.error) or done == run.descriptors
        self._run = None if over else (address, run, done)

    def _next_macs(self) -> int:
        if self._run is None:
            return 0
        address, run, done = self._run
        at = address + done % run.count * DESCRIPTOR_BYTES
        data = bytes(self._memory[at : at + DESCRIPTOR_BYTES])
        return macs_of(Descriptor.decode(data)) if len(data) == DESCRIPTOR_BYTES else 0
