"""Verification of what was computed against other records, over which the statements' `inputs` are signed anew."""

from dataclasses import replace

import pytest

from formats.descriptor import DESCRIPTOR_BYTES, Run
from formats.records import Record, RecordKind
from host.evidence import replay
from host.evidence.folder import Evidence
from host.verify import Verdict
from host.verify.counters import COUNTERS
from host.verify.roots import ROOT
from tests.computing_story import (
    FIRST_OPEN_WRITE,
    INDICES,
    INDICES_RECORD,
    OPEN,
    PROGRAM,
    PROGRAM_RECORD,
    RUN,
    RUN_RECORD,
    SIZE,
    claim,
    items_of,
    retold,
    seq_of,
    story,
    with_items,
)
from tests.evidence_story import forged
from tests.unit.verify_bench import assert_finds, check, rejections


def test_the_same_record_is_the_same_evidence():
    assert retold(1, items_of(1)) == story().evidence


def changed(index: int, **fields: object) -> list[Record]:
    items = items_of(1)
    items[index] = replace(items[index], **fields)
    return items


def spoilt(index: int, at: int) -> list[Record]:
    """The records with one bit of one payload changed."""
    payload = bytearray(items_of(1)[index].payload)
    payload[at] ^= 1
    return changed(index, payload=bytes(payload))


LIES = {
    "an operand": (spoilt(0, 64), "started", ROOT, "digest"),
    "an index of the first iteration": (spoilt(0, INDICES + 3), "started", ROOT, "digest"),
    "a list of indices": (spoilt(INDICES_RECORD, 3), "after forced", ROOT, "digest"),
    "a descriptor's shift": (spoilt(PROGRAM_RECORD, 4), "started", ROOT, "digest"),
    "a mark": (spoilt(PROGRAM_RECORD, 3 * DESCRIPTOR_BYTES + 3), "started", ROOT, "digest"),
    "a write to the open window": (spoilt(FIRST_OPEN_WRITE, 7), None, ROOT, "digest"),
    "another run": (changed(RUN_RECORD, payload=Run(4, 1, OPEN, SIZE).encode()), None, COUNTERS, "descriptor"),
    "iterations of another length": (changed(RUN_RECORD, payload=Run(2, 4, OPEN, SIZE).encode()), None, ROOT, ""),
    "another program": (changed(RUN_RECORD, address=PROGRAM + DESCRIPTOR_BYTES), None, COUNTERS, ""),
    "a window that is closed": (
        changed(RUN_RECORD, payload=Run(4, 2).encode()), None, COUNTERS, "descriptor",
    ),
    "a window over an operand": (
        changed(RUN_RECORD, payload=Run(4, 2, 2560, SIZE).encode()), None, COUNTERS, "descriptor",
    ),
    "a write outside the window": (changed(FIRST_OPEN_WRITE, address=OPEN - 8), None, COUNTERS, "descriptor"),
    "no run, but a write of as many bytes": (
        changed(RUN_RECORD, kind=RecordKind.WRITE), None, COUNTERS, "descriptor",
    ),
    "a write in the place of an open one": (changed(FIRST_OPEN_WRITE, address=OPEN), None, ROOT, "digest"),
}  # fmt: skip
"""Records, the statement that shows it first if it is known by a name, the check that says so, and the field."""


@pytest.mark.parametrize("lie", LIES)
def test_another_record_is_not_what_was_computed(lie: str):
    items, name, check_name, field = LIES[lie]
    evidence = retold(1, items)
    assert {each.verdict for each in check(evidence).named("inputs")} == {Verdict.VERIFIED}
    found = rejections(evidence, check_name)
    assert found and (not field or found[0].field == field), [each.reason for each in found]
    if name:
        assert found[0].statement == seq_of(name)
    assert rejections(with_items(1, items), "inputs"), "and the honest statements do not sign it"


def dropped(index: int) -> Evidence:
    """Boot 1 without a record, and statements that count one record less behind it."""
    items = items_of(1)
    del items[index]
    behind = [seq for seq in range(seq_of("second boot")) if claim(seq, "records") > index]
    return retold(1, items, {seq: {"records": claim(seq, "records") - 1} for seq in behind})


@pytest.mark.parametrize("index", (RUN_RECORD, INDICES_RECORD + 1))
def test_a_run_that_the_record_leaves_out(index: int):
    """Then nothing says that its descriptors were executed, and nothing may have been."""
    assert items_of(1)[index].kind is RecordKind.RUN
    found = rejections(dropped(index), COUNTERS)
    assert found[0].field == "descriptor" and "at most" in (found[0].expected or "")


def test_a_run_that_the_record_makes_up():
    """The record behind it would have waited for its end."""
    items = items_of(1)
    items[-1] = Record(RecordKind.RUN, PROGRAM, RUN.encode())
    seq = seq_of("nothing to run")
    assert check(retold(1, items)).exit_code == 0, "no descriptor of it was executed yet"
    items.append(Record(RecordKind.WRITE, 0, bytes(8)))
    lie = retold(1, items, {seq: {"records": claim(seq, "records") + 1}})
    assert_finds(lie, COUNTERS, seq, "descriptor", "more than 17, as record 12 waits for the end of a run", "17")


def test_a_write_outside_the_window_says_what_it_would_have_waited_for():
    lie = retold(1, changed(FIRST_OPEN_WRITE, address=OPEN - 8))
    expected = f"more than 1, as record {FIRST_OPEN_WRITE} waits for the end of a run"
    assert_finds(lie, COUNTERS, seq_of("descriptor 1") + 1, "descriptor", expected, "1")


def test_one_lie_is_not_held_against_the_statements_behind_it():
    lie = forged(story().evidence, {seq_of("third boot's last"): {"descriptor": 9}})
    assert {each.statement for each in rejections(lie, COUNTERS, ROOT)} == {seq_of("third boot's last")}


def test_a_run_that_claims_to_be_endless_costs_what_the_statements_claim():
    endless = changed(RUN_RECORD, payload=Run(4, 65535, OPEN, SIZE).encode())
    first_to_find = seq_of("first run over") + 1
    found = rejections(retold(1, endless), COUNTERS)
    assert (found[0].statement, found[0].field) == (first_to_find, "descriptor")
    # A program of 2**32 - 1 descriptors: the ninth one is what lies behind the program.
    found = rejections(retold(1, changed(RUN_RECORD, payload=Run(2**32 - 1, 65535, OPEN, SIZE).encode())), COUNTERS)
    assert found[0].field == "descriptor"


def test_a_record_that_no_statement_signs_is_not_executed(monkeypatch: pytest.MonkeyPatch):
    """What it would take is known only of what the chip did."""
    executed: list[int] = []
    honest = replay.execute_run

    def counted(memory: bytes, address: int, *rest: int) -> object:
        executed.append(address)
        return honest(memory, address, *rest)

    monkeypatch.setattr(replay, "execute_run", counted)
    evidence = replace(with_items(1, spoilt(0, 0)), statements=dict(enumerate(story().statements[:18])))
    assert check(evidence).exit_code == 1 and not executed
    assert check(story().evidence).exit_code == 0 and executed
