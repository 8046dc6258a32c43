"""Verification of what went in: other records than the one that the statements sign."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.records import Record, RecordKind
from formats.statement import Kind
from host.evidence import records
from host.verify.inputs import trigger_rates
from tests.evidence_story import HEAD, forged, honest
from tests.unit.verify_bench import ONES, assert_rejected, assert_unchecked, check, other_record


@given(st.data())
@settings(max_examples=40)
def test_any_altered_byte_of_the_record(data: st.DataObject) -> None:
    spoilt = bytearray(honest().record)
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    assert check(replace(honest(), record=bytes(spoilt))).exit_code in (1, 3)


@given(st.integers(0, len(honest().record) - 1))
@settings(max_examples=40)
def test_a_truncated_record(length: int) -> None:
    assert check(replace(honest(), record=honest().record[:length])).exit_code in (1, 3)


def test_inputs_that_are_not_the_record() -> None:
    report = check(forged(honest(), {seq: {"inputs": ONES} for seq in (HEAD, 4, 5)}))
    assert_rejected(report, f"statement {HEAD}", "inputs")


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items[:-1],
        lambda items: items[1:],
        lambda items: [items[1], items[0], *items[2:]],
        lambda items: [items[0], items[0], *items[1:]],
        lambda items: [replace(items[0], payload=bytes(8)), *items[1:]],
        lambda items: [*items[:2], replace(items[2], address=16), *items[3:]],
        lambda items: [*items[:4], Record(RecordKind.WRITE, 512, bytes(8))],
    ],
    ids=["end cut off", "start cut off", "reordered", "duplicated", "another rate", "another address", "shorter"],
)
def test_another_record(change: Callable[[list[Record]], list[Record]]) -> None:
    report = check(replace(honest(), record=other_record(change)))
    assert report.exit_code == 1
    assert report.deciding.name == "inputs" and report.deciding.field in ("inputs", "position")


def test_more_was_loaded_than_the_last_statement_knows() -> None:
    more = other_record(lambda items: [*items, Record(RecordKind.WRITE, 0, bytes(8))])
    assert check(replace(honest(), record=more)).exit_code == 0


@pytest.mark.parametrize(
    "position, rate", [((0, 0), None), ((0, 1), 5), ((1, 0), 5), ((2, 0), 5), ((2, 1), 7), ((3, 0), 7)]
)
def test_a_rate_is_in_force_from_its_word_on(position: tuple[int, int], rate: int | None) -> None:
    changes = [Record(RecordKind.TRIGGER_RATE, 0, value.to_bytes(8, "little")) for value in (5, 7)]
    loaded = SimpleNamespace(boots={1: (changes[0], Record(RecordKind.WRITE, 0, bytes(8)), changes[1])})
    snapshot = SimpleNamespace(kind=Kind.SNAPSHOT, bootcount=1, records=position[0], words=position[1])
    assert trigger_rates(SimpleNamespace(in_order=[(4, snapshot)], record=loaded)) == {4: rate}


def test_the_record_of_another_chip() -> None:
    foreign = records.header(b"\x01" + bytes(16)) + records.boot_item(1)
    assert_rejected(check(replace(honest(), record=foreign)), "record", "ueid")


def test_a_boot_that_the_record_does_not_have() -> None:
    first = records.parse(honest().record).boots[1]
    data = records.header(honest().ueid) + records.boot_item(1) + b"".join(map(records.record_item, first))
    assert_unchecked(check(replace(honest(), record=data)), "the record does not have boot 2")
