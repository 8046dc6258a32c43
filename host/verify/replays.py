"""Each statement's boot re-executed up to its position: what the checks of roots and counters compare with."""

from collections.abc import Collection
from dataclasses import replace

from formats.statement import Kind
from host.errors import FieldError
from host.evidence.replay import Moment, Position, Replay
from host.evidence.statement import Statement

from .case import Case
from .rules import ADDRESSABLE_BYTES

Replays = dict[int, Moment | FieldError]
"""By seq: the moment, its memory empty unless the statement is a snapshot; or why the record does not lead there."""


def replays(case: Case, explained: Collection[int | None]) -> Replays:
    """Moments of the statements that the chip signed, in one pass over each boot.

    explained: has the seqs of those whose `inputs` are the record's. The others are left out: only of a record that
    the chip signed is it known that re-executing it takes no more than what the chip did.
    """
    if case.record is None:
        return {}
    found: Replays = {}
    boots: dict[tuple[int, int], Replay] = {}
    statements = [statement for seq, statement in case.in_order if seq in case.signed and seq in explained]
    for statement in sorted(statements, key=lambda each: (each.bootcount, position_of(each))):
        boot = (statement.bootcount, statement.pages * statement.page_size)
        if boot[1] > ADDRESSABLE_BYTES:
            continue
        if boot not in boots:
            boots[boot] = Replay(case.record.boots.get(statement.bootcount, ()), boot[1])
        try:
            moment = boots[boot].to(Position(*position_of(statement)))
        except FieldError as error:
            found[statement.seq] = error
        else:
            found[statement.seq] = moment if statement.kind is Kind.SNAPSHOT else replace(moment, memory=b"")
    return found


def position_of(statement: Statement) -> tuple[int, int, int]:
    """Records, words and descriptors of a statement: greater for the later of two in a boot."""
    return statement.records, statement.words, statement.descriptor
