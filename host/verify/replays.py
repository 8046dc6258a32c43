"""Each statement's boot re-executed up to its position: what the checks of roots and counters compare with."""

from host.errors import FieldError
from host.evidence.replay import Moment, Position, Replay
from host.evidence.statement import Statement

from .case import Case

Replays = dict[int, Moment | FieldError]
"""By seq: the moment, or why the record does not lead there."""


def replays(case: Case) -> Replays:
    """Moments of all signed statements of boots that the record has, in one pass over each boot."""
    if case.record is None:
        return {}
    found: Replays = {}
    boots: dict[tuple[int, int], Replay] = {}
    failures: dict[tuple[int, int], FieldError] = {}
    signed = [(seq, statement) for seq, statement in case.in_order if seq in case.signed]
    for seq, statement in sorted(signed, key=lambda item: (item[1].bootcount, _position(item[1]))):
        records = case.record.boots.get(statement.bootcount)
        if records is None:
            continue
        boot = (statement.bootcount, statement.pages * statement.page_size)
        if boot not in boots:
            boots[boot] = Replay(records, boot[1])
        if boot in failures:
            found[seq] = failures[boot]
            continue
        try:
            found[seq] = boots[boot].to(Position(*_position(statement)))
        except FieldError as error:
            found[seq] = failures[boot] = error
    return found


def _position(statement: Statement) -> tuple[int, int, int]:
    return statement.records, statement.words, statement.descriptor
