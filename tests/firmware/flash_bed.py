"""Journal and log of the firmware by themselves, on the driver's flash, and what they must have acknowledged."""

import random
import struct
from dataclasses import dataclass, field

from Crypto.Hash import TurboSHAKE128

from formats.flash import JOURNAL_OFFSET, LOG_OFFSET, SECTOR_BYTES, JournalRecord
from formats.hashing import Domain
from formats.statement import Kind, layout
from tests.firmware.host_build import CONFIG, HostChip

STATEMENT_BYTES = layout().statement_bytes
SECTORS = CONFIG.log_sectors
SECTOR_STATEMENTS = 7
RESERVE = SECTORS // 8 * SECTOR_STATEMENTS
USED = (JOURNAL_OFFSET, LOG_OFFSET + SECTORS * SECTOR_BYTES - JOURNAL_OFFSET)
"""Offset and size of the flash that journal and log take, and what lies between them."""

WAYS = 5
"""Ways in which the model tears an operation, one for each remainder of the seed."""

Operation = tuple[str, bytes]


def place(sector: int) -> int:
    """Flash offset of a log sector."""
    return LOG_OFFSET + sector % SECTORS * SECTOR_BYTES


def u64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def power_on() -> Operation:
    return "p", b""


def cut(count: int, seed: int) -> Operation:
    return "c", u64(count, seed)


def initialise() -> Operation:
    return "i", b""


def read(seq: int) -> Operation:
    return "r", u64(seq)


def append(seq: int, statement: bytes) -> Operation:
    return "a", u64(seq) + statement


def put(kind: int, data: bytes) -> Operation:
    return "j", u64(kind) + data


def truncated(seq: int, chain: bytes = bytes(32)) -> Operation:
    return put(JournalRecord.TRUNCATED, u64(seq) + chain)


@dataclass
class Status:
    """What log.h tells of the log."""

    usable: int
    seq: int
    bootcount: int
    macs: int
    first: int
    next: int
    capacity: int
    full: int
    exhausted: int
    empty: int
    damaged: int
    sector: int
    events: int
    chain: bytes

    @classmethod
    def decode(cls, answer: bytes) -> "Status":
        return cls(*struct.unpack("<13Q32s", answer))


def status(bed: HostChip) -> Status:
    """Powers on, initialises, and returns what was found."""
    return Status.decode(bed.batch([power_on(), initialise()])[1])


@dataclass
class History:
    """Statements and events in the order in which they were appended: what an unharmed log holds."""

    seed: int = 0
    statements: list[bytes] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)

    def chain(self, seq: int) -> bytes:
        """The chain before a statement."""
        if seq == 0:
            return bytes(32)
        before = self.statements[seq - 1]
        return TurboSHAKE128.new(data=_claim(before, "chain") + before, domain=Domain.CHAIN).read(32)

    def bootcount(self, seq: int) -> int:
        return 3 + seq // 5

    def macs(self, seq: int) -> int:
        return 1000 * seq + (seq << 40)

    def grow(self, count: int) -> list[Operation]:
        """Appends of so many further statements, which the history then has."""
        operations = []
        for _ in range(count):
            seq = len(self.statements)
            statement = bytearray(random.Random(self.seed << 32 | seq).randbytes(STATEMENT_BYTES))
            values = {
                "kind": bytes([Kind.HEAD]), "seq": seq.to_bytes(8, "big"), "chain": self.chain(seq),
                "bootcount": self.bootcount(seq).to_bytes(4, "big"), "macs": self.macs(seq).to_bytes(8, "big"),
            }  # fmt: skip
            for name, value in values.items():
                start = len(layout().statement_prefix) + layout()[name].offset
                statement[start : start + len(value)] = value
            self.statements.append(bytes(statement))
            operations.append(append(seq, bytes(statement)))
        return operations

    def note(self, count: int = 1) -> list[Operation]:
        """Appends of so many further events."""
        operations = []
        for _ in range(count):
            number = len(self.events)
            self.events.append(struct.pack("<IIIQ", 1 + number % 5, number, number + 7, number << 33))
            operations.append(("e", self.events[-1]))
        return operations

    def shortened(self, statements: int, events: int | None = None, seed: int | None = None) -> "History":
        """The history as it was when it had so many. seed: of what will be appended to it, if that is to differ."""
        return History(self.seed if seed is None else seed, self.statements[:statements], self.events[:events])


def _claim(statement: bytes, name: str) -> bytes:
    start = len(layout().statement_prefix) + layout()[name].offset
    return statement[start : start + layout()[name].size]


def check(bed: HostChip, found: Status, history: History, *, kept: int = 0, macs: int = 0) -> None:
    """The log that was found holds the history whole, from statement `kept` on at least, and goes on behind it.

    Events may be missing at the start when `kept` is not 0."""
    seq = len(history.statements)
    assert found.usable and not found.damaged
    assert (found.seq, found.next, found.chain) == (seq, seq, history.chain(seq))
    if seq:
        assert found.bootcount == history.bootcount(seq - 1)
        assert found.macs == max(macs, history.macs(seq - 1))
    assert found.first <= min(kept, seq) and found.empty == (found.first == seq)
    held = range(found.first, seq)
    for start in range(found.first, seq, 100):
        part = held[start - found.first : start - found.first + 100]
        assert bed.batch([read(number) for number in part]) == [history.statements[number] for number in part]
    outside = [number for number in (found.first - 1, seq, seq + 1, (1 << 64) - 1) if number >= 0]
    assert bed.batch([read(number) for number in outside]) == [b""] * len(outside)
    events = bed.batch([("v", u64(index)) for index in range(found.events + 1)])
    assert events[-1] == b""
    assert events[:-1] == (history.events[len(history.events) - found.events :] if kept else history.events)


def fresh(bed: HostChip) -> None:
    """Blank flash, powered on and initialised."""
    bed.batch([("z", b""), ("f", u64(0, 0)), power_on()])
    assert bed.batch([initialise()])[0][:8] == u64(1)


def carry_out(bed: HostChip, operations: list[Operation]) -> None:
    """All of which must be acknowledged."""
    for start in range(0, len(operations), 100):
        part = operations[start : start + 100]
        assert bed.batch(part) == [b"\1"] * len(part)


def headers(bed: HostChip) -> list[int | None]:
    """The sequence in the header of each log sector; None if it has no valid magic and complement."""
    found: list[int | None] = []
    for sector in range(SECTORS):
        magic, sequence, inverse = struct.unpack("<4sII", bed.flash(place(sector), 12))
        found.append(sequence if magic == b"LGTL" and sequence == inverse ^ 0xFFFFFFFF else None)
    return found
