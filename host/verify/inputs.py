"""What went in: each statement's inputs digest and position against the record of what was loaded."""

from collections.abc import Iterator
from itertools import accumulate

from formats.records import Record
from formats.statement import Kind
from host.errors import FieldError
from host.evidence import records
from host.evidence.folder import Evidence
from host.evidence.records import LoadRecord
from sim.golden.ingest import NO_INPUTS, folded

from .case import Case, finding, name_of
from .report import Check, not_asked, rejected, unchecked, verified

RECORD, INPUTS = "record", "inputs"


def check_record(evidence: Evidence) -> tuple[LoadRecord | None, list[Check]]:
    """The record of what was loaded, if it is whole and this chip's, and the check."""
    if evidence.record is None:
        return None, [not_asked(RECORD, "no record of what was loaded was given")]
    try:
        record = records.parse(evidence.record)
        if record.ueid != evidence.ueid:
            raise FieldError("record", "ueid", f"the evidence's, {evidence.ueid.hex()}", record.ueid.hex())
    except FieldError as error:
        return None, [rejected(RECORD, error)]
    count = sum(len(boot) for boot in record.boots.values())
    boots = ", ".join(map(str, record.boots)) or "none"
    return record, [verified(RECORD, f"well-formed, {count} records; boots: {boots}")]


def check_inputs(case: Case) -> Iterator[Check]:
    """Digest and position of every statement, when there is a record."""
    if case.record is None:
        return
    digests: dict[int, list[bytes]] = {}
    for seq, statement in case.in_order:
        boot = case.record.boots.get(statement.bootcount)
        if boot is None and statement.position != (0, 0):
            yield unchecked(INPUTS, f"the record does not have boot {statement.bootcount}", seq)
            continue
        boot = boot or ()
        try:
            records.check_position(boot, *statement.position)
            if statement.bootcount not in digests:
                digests[statement.bootcount] = running_digests(boot)
            expected = digests[statement.bootcount][statement.records]
            if statement.inputs != expected:
                reason = f"{expected.hex()} over {statement.records} records"
                raise FieldError(name_of(seq), "inputs", reason, statement.inputs.hex())
        except FieldError as error:
            yield rejected(INPUTS, finding(error, seq), seq)
            continue
        yield verified(INPUTS, "the digest is the record's, at the statement's position in it", seq)


def running_digests(boot: tuple[Record, ...]) -> list[bytes]:
    """The inputs digest after 0, 1, 2... records of a boot."""
    return list(accumulate(boot, folded, initial=NO_INPUTS))


def trigger_rates(case: Case) -> dict[int, int | None]:
    """Rate in force at each snapshot; None is the chip's own rate at boot. Only what the record shows.

    A rate is in force as soon as its record's one word is in, before the record is completed.
    """
    rates: dict[int, int | None] = {}
    for seq, statement in case.in_order:
        boot = case.record.boots.get(statement.bootcount) if case.record else None
        if boot is not None and statement.kind is Kind.SNAPSHOT:
            begun = statement.records + (statement.words > 0)
            before = [change.rate for change in records.rates(boot) if change.record <= begun]
            rates[seq] = before[-1] if before else None
    return rates
