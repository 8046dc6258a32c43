"""The record of what was loaded: every ingest record that the host sent to a chip, boot by boot.

The file is a CBOR sequence (RFC 8742) of deterministic items, only ever appended to:

    [format, ueid]            first: the text FORMAT and the chip's 17 bytes
    unsigned integer          a boot begins: its bootcount, greater than the one before
    [kind, address, payload]  an ingest record of that boot (formats/records.py)
    null                      the chip did not take the record before
"""

from collections.abc import Sequence
from dataclasses import dataclass

from formats.hashing import WORD_BYTES
from formats.records import Record, RecordKind
from host.errors import FieldError

from . import cbor

FORMAT = "urn:livetrap:record:v1"
SUBJECT = "record"


@dataclass(frozen=True)
class LoadRecord:
    """A parsed record file.

    boots: bootcount to the records of that boot, in order. intact_bytes: where the last whole item ends;
    what follows it was cut short while it was written.
    """

    ueid: bytes
    boots: dict[int, tuple[Record, ...]]
    intact_bytes: int


@dataclass(frozen=True)
class RateChange:
    """From `record` (the count of completed records) on, the random trigger has `rate` in 2**-64 per tick."""

    record: int
    rate: int


def header(ueid: bytes) -> bytes:
    """The file's first item, for the chip with this 17-byte UEID."""
    return cbor.encode([FORMAT, ueid])


def boot_item(bootcount: int) -> bytes:
    """The item with which a boot begins."""
    return cbor.encode(bootcount)


def record_item(record: Record) -> bytes:
    """The item of one ingest record."""
    return cbor.encode([int(record.kind), record.address, record.payload])


NOT_TAKEN = cbor.encode(None)


def parse(data: bytes, allow_cut: bool = False) -> LoadRecord:
    """The record that a file's bytes are.

    allow_cut: a last item that is cut short is left out, for the writer that continues the file. Raises
    FieldError that names the item which is not as the module says.
    """
    boots: dict[int, list[Record]] = {}
    ueid: bytes | None = None
    boot: int | None = None
    at = number = 0
    while at < len(data):
        subject = f"{SUBJECT}: item {number}"
        try:
            end = cbor.item_end(data, at)
            item = cbor.decode(data[at:end])
        except cbor.CutShort as error:
            if allow_cut:
                break
            raise FieldError(subject, "form", "a whole item", str(error)) from error
        except cbor.CborError as error:
            raise FieldError(subject, "form", "deterministic CBOR", str(error)) from error
        if ueid is None:
            ueid = _header(item, subject)
        elif isinstance(item, int) and not isinstance(item, bool):
            if item <= (boot or 0):
                raise FieldError(subject, "bootcount", f"more than {boot or 0}", str(item))
            boot = item
            boots[boot] = []
        elif boot is None:
            raise FieldError(subject, "form", "a bootcount", repr(item)[:80])
        elif item is None:
            if not boots[boot]:
                raise FieldError(subject, "form", "a record before the null", "none")
            boots[boot].pop()
        else:
            boots[boot].append(_record(item, subject))
        at = end
        number += 1
    if ueid is None:
        raise FieldError(SUBJECT, "form", f"the header {FORMAT!r}", "nothing")
    return LoadRecord(ueid, {boot: tuple(records) for boot, records in boots.items()}, at)


def _header(item: object, subject: str) -> bytes:
    if not isinstance(item, list) or len(item) != 2 or item[0] != FORMAT or not isinstance(item[1], bytes):
        raise FieldError(subject, "form", f"the header [{FORMAT!r}, ueid]", repr(item)[:80])
    return item[1]


def _record(item: object, subject: str) -> Record:
    if not isinstance(item, list) or len(item) != 3:
        raise FieldError(subject, "form", "[kind, address, payload]", repr(item)[:80])
    kind, address, payload = item
    if isinstance(kind, bool) or not isinstance(kind, int) or kind not in {int(member) for member in RecordKind}:
        raise FieldError(subject, "kind", "a record kind", repr(kind)[:80])
    if isinstance(address, bool) or not isinstance(address, int) or not 0 <= address < 1 << 32:
        raise FieldError(subject, "address", "an unsigned integer of 32 bits", repr(address)[:80])
    if not isinstance(payload, bytes):
        raise FieldError(subject, "payload", "a byte string", repr(payload)[:80])
    try:
        return Record(RecordKind(kind), address, payload)
    except ValueError as error:
        raise FieldError(subject, "form", "a record as formats/records.py says", str(error)) from error


def check_position(records: Sequence[Record], completed: int, words: int) -> None:
    """Raises FieldError unless `records` reach the position (completed records, words of the next)."""
    if completed > len(records):
        raise FieldError(SUBJECT, "records", f"at least {completed}", str(len(records)))
    available = len(records[completed].payload) // WORD_BYTES if completed < len(records) else 0
    if words > available:
        raise FieldError(SUBJECT, f"words of record {completed}", f"at least {words}", str(available))


def rates(records: Sequence[Record]) -> tuple[RateChange, ...]:
    """Changes of the random trigger's rate, in order. Before the first, the chip's rate at boot is in force."""
    return tuple(
        RateChange(index + 1, int.from_bytes(record.payload, "little"))
        for index, record in enumerate(records)
        if record.kind is RecordKind.TRIGGER_RATE
    )
