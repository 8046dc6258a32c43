"""A boot re-executed: memory and counters at any position, in one pass forward."""

import pytest

from formats.descriptor import Run
from formats.records import Record, RecordKind
from formats.statement import Cause
from host.errors import FieldError
from host.evidence.replay import Moment, Position, Replay
from host.evidence.statement import parse
from tests.computing_story import (
    FIRST_OPEN_WRITE,
    MACS,
    PROGRAM,
    PROGRAM_RECORD,
    RUN,
    RUN_RECORD,
    SIZE,
    items_of,
    seq_of,
    story,
)


def test_every_snapshot_of_a_boot_in_one_pass():
    """Counters are the chip's too; of what is in progress only the most that it can have added is known."""
    replay = Replay(items_of(1), SIZE)
    for seq in range(seq_of("second boot")):
        stated = parse(story().statements[seq])
        moment = replay.to(Position(stated.records, stated.words, stated.descriptor))
        assert moment.steps == stated.steps
        if seq in story().snapshots:
            assert (moment.memory, moment.macs) == (story().images[seq], stated.macs)
        elif stated.cause is Cause.NONE:
            assert moment.macs <= stated.macs <= moment.macs + moment.next_macs


@pytest.mark.parametrize("descriptor", range(RUN.descriptors + 1))
def test_what_follows(descriptor: int):
    moment = Replay(items_of(1), SIZE).to(Position(RUN_RECORD + 1, 0, descriptor))
    rounds, rest = divmod(descriptor, RUN.count)
    assert (moment.steps, moment.macs) == (rounds, rounds * sum(MACS) + sum(MACS[:rest]))
    assert moment.running is (descriptor < RUN.descriptors)
    assert moment.next_macs == (MACS[rest] if moment.running else 0)


def test_an_endless_run_costs_what_is_asked_for():
    endless = Record(RecordKind.RUN, PROGRAM, Run(2**32 - 1, 65535).encode())
    moment = Replay([*items_of(1)[:RUN_RECORD], endless], SIZE).to(Position(RUN_RECORD + 1, 0, 3))
    assert (moment.steps, moment.macs, moment.running) == (0, sum(MACS[:3]), True)


def test_where_records_do_not_lead():
    """The position after a wrong one can still be asked for."""
    replay = Replay(items_of(1), SIZE)
    with pytest.raises(FieldError, match="at most 8, as the record gives"):
        replay.to(Position(RUN_RECORD + 1, 0, 9))
    with pytest.raises(FieldError, match="at least 8, as the record gives"):
        replay.to(Position(RUN_RECORD + 1, 0, 7))
    assert isinstance(replay.to(Position(RUN_RECORD + 1, 0, 8)), Moment)


def test_records_wait_for_runs():
    items = items_of(1)
    items[FIRST_OPEN_WRITE] = Record(RecordKind.WRITE, 0, bytes(8))
    with pytest.raises(FieldError, match=f"more than 7, as record {FIRST_OPEN_WRITE} waits for the end of a run"):
        Replay(items, SIZE).to(Position(FIRST_OPEN_WRITE + 1, 0, 7))
    assert Replay(items, SIZE).to(Position(FIRST_OPEN_WRITE + 1, 0, 8)).memory[:8] == bytes(8)


def test_time_goes_forward():
    replay = Replay(items_of(1), SIZE)
    replay.to(Position(RUN_RECORD, 0, 0))
    with pytest.raises(ValueError, match="replayed"):
        replay.to(Position(PROGRAM_RECORD, 0, 0))
