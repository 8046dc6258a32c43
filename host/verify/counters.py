"""How much was computed: each statement's counters against the re-execution of its boot."""

from collections.abc import Iterator

from formats.statement import Kind
from host.errors import FieldError
from host.evidence.statement import Statement

from .case import Case, name_of
from .replays import Replays
from .report import Check, rejected, verified

COUNTERS = "counters"


def check_counters(case: Case, replays: Replays) -> Iterator[Check]:
    """Steps and multiply-accumulates of every statement whose boot the record re-executes.

    Multiply-accumulates are counted over the chip's life: what a boot added is the difference to its first statement.
    At a boundary they are exact; while a descriptor is in progress, at most its own may have come on top.
    """
    first: dict[int, Statement] = {}
    for seq, statement in case.in_order:
        begins = first.setdefault(statement.bootcount, statement)
        moment = replays.get(seq)
        if moment is None or begins.kind is not Kind.BOOT:
            continue
        if isinstance(moment, FieldError):
            expected = f"a record whose {moment.field} is {moment.expected}"
            yield rejected(COUNTERS, FieldError(name_of(seq), "position", expected, moment.found), seq)
            continue
        at_boundary = statement.kind is Kind.SNAPSHOT and not statement.forced
        least = begins.macs + moment.macs
        most = least + (0 if at_boundary else moment.next_macs)
        if statement.steps != moment.steps:
            error = FieldError(name_of(seq), "steps", f"{moment.steps}, as the record gives", str(statement.steps))
            yield rejected(COUNTERS, error, seq)
        elif not least <= statement.macs <= most:
            expected = f"{least}" if least == most else f"{least} to {most}"
            error = FieldError(name_of(seq), "macs", f"{expected}, as the record gives", str(statement.macs))
            yield rejected(COUNTERS, error, seq)
        else:
            yield verified(COUNTERS, "steps and multiply-accumulates are those of the record, re-executed", seq)
