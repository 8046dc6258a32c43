"""How much was computed: each statement's counters against the re-execution of its boot."""

from collections.abc import Iterator

from formats.flash import MACS_STEP
from formats.records import RecordKind
from formats.statement import Kind
from host.errors import FieldError
from host.evidence.replay import Moment
from host.evidence.statement import Statement

from .case import Case, finding, name_of
from .replays import Replays, position_of
from .report import Check, rejected, verified

COUNTERS = "counters"


def check_counters(case: Case, replays: Replays) -> Iterator[Check]:
    """Steps, descriptors and multiply-accumulates of every statement up to which the record is re-executed.

    Multiply-accumulates are counted over the chip's life: what a boot added is the difference to its first statement.
    At a boundary they are exact; while a descriptor is in progress, at most its own may have come on top. From one
    boot to the next they stay, if the record has nothing more to execute after the last statement; or power was cut,
    and they went on from the ceiling that the chip keeps: then the difference is told.
    """
    first: dict[int, Statement] = {}
    for seq, statement in case.in_order:
        begins = first.setdefault(statement.bootcount, statement)
        moment = replays.get(seq)
        if moment is None or begins.kind is not Kind.BOOT:
            continue
        try:
            if isinstance(moment, FieldError):
                raise finding(moment, seq)
            _compare(statement, begins, moment)
            skipped = _compare_with_boot_before(case, replays, statement) if statement is begins else 0
        except FieldError as error:
            yield rejected(COUNTERS, error, seq)
            continue
        reason = "steps and multiply-accumulates are those of the record, re-executed"
        if skipped:
            reason = f"power was cut: the count went on {skipped} multiply-accumulates above what the record gives"
        yield verified(COUNTERS, reason, seq)


def _compare(statement: Statement, begins: Statement, moment: Moment) -> None:
    if statement.steps != moment.steps:
        expected = f"{moment.steps}, as the record gives"
        raise FieldError(name_of(statement.seq), "steps", expected, str(statement.steps))
    at_boundary = statement.kind is Kind.SNAPSHOT and not statement.forced
    least = begins.macs + moment.macs
    most = least + (0 if at_boundary else moment.next_macs)
    if not least <= statement.macs <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise FieldError(name_of(statement.seq), "macs", f"{expected}, as the record gives", str(statement.macs))


def _compare_with_boot_before(case: Case, replays: Replays, begins: Statement) -> int:
    """Multiply-accumulates that a power cut made the count skip since the last statement before this boot, or 0.

    Raises FieldError when more was computed in between than the record has.
    """
    assert case.record is not None
    before = [each for seq, each in case.in_order if seq < begins.seq and isinstance(replays.get(seq), Moment)]
    if not before:
        return 0
    last = max(before, key=lambda each: (each.bootcount, position_of(each)))
    moment = replays[last.seq]
    assert isinstance(moment, Moment)
    later = [
        record
        for boot, records in case.record.boots.items()
        if last.bootcount <= boot < begins.bootcount
        for record in records[last.records if boot == last.bootcount else 0 :]
    ]
    if moment.running or any(record.kind is RecordKind.RUN for record in later):
        return 0
    skipped = begins.macs - last.macs
    if skipped and not (begins.macs % MACS_STEP == 0 and 0 < skipped <= 2 * MACS_STEP):
        expected = f"{last.macs}, as the record has no run after statement {last.seq}, or the ceiling above it"
        raise FieldError(name_of(begins.seq), "macs", expected, str(begins.macs))
    return skipped
