"""The record of what was loaded: parsed strictly, replayed to any position, and written so that nothing is missed."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.records import Record, RecordKind
from host.errors import EvidenceError, FieldError
from host.evidence import cbor, records
from host.evidence.recorder import Recorder
from host.evidence.replay import Position, Replay
from host.verify.inputs import running_digests
from sim.golden import chip as golden
from sim.golden.ingest import inputs_digest

UEID = b"\x01" + bytes(16)
MEMORY = 3 * 4096

WRITES = st.builds(
    lambda address, words, fill: Record(RecordKind.WRITE, 8 * address, bytes([fill]) * (8 * words)),
    st.integers(0, 1000),
    st.integers(1, 130),
    st.integers(0, 255),
)
RATES = st.builds(
    lambda rate: Record(RecordKind.TRIGGER_RATE, 0, rate.to_bytes(8, "little")), st.integers(0, 2**64 - 1)
)
RECORDS = st.lists(st.one_of(WRITES, RATES), max_size=6)


def file_of(boots: dict[int, list[Record]]) -> bytes:
    data = records.header(UEID)
    for boot, items in boots.items():
        data += records.boot_item(boot) + b"".join(map(records.record_item, items))
    return data


@given(st.dictionaries(st.integers(1, 50), RECORDS, max_size=3))
def test_parses_what_is_written(boots: dict[int, list[Record]]) -> None:
    boots = dict(sorted(boots.items()))
    data = file_of(boots)
    found = records.parse(data)
    assert found.boots == {boot: tuple(items) for boot, items in boots.items()}
    assert (found.ueid, found.intact_bytes) == (UEID, len(data))


@given(RECORDS, st.data())
def test_a_torn_end_is_left_out_only_for_the_writer(items: list[Record], data: st.DataObject) -> None:
    whole = file_of({1: items})
    cut = data.draw(st.integers(len(records.header(UEID)), len(whole)))
    found = records.parse(whole[:cut], allow_cut=True)
    assert whole.startswith(whole[: found.intact_bytes]) and found.intact_bytes <= cut
    assert found.boots.get(1, ()) == tuple(items)[: len(found.boots.get(1, ()))]
    if found.intact_bytes < cut:
        with pytest.raises(FieldError, match="whole item"):
            records.parse(whole[:cut])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_refused(data: bytes) -> None:
    for prefix in (b"", records.header(UEID), records.header(UEID) + records.boot_item(1)):
        try:
            found = records.parse(prefix + data)
        except FieldError as error:
            assert str(error).startswith("record")
        else:
            assert found.intact_bytes == len(prefix + data)


@pytest.mark.parametrize(
    "items, reason",
    [
        ([["urn:livetrap:record:v2", UEID]], "header"),
        ([5], "header"),
        ([[records.FORMAT, UEID], [1, 0, bytes(8)]], "bootcount"),
        ([[records.FORMAT, UEID], 0], "more than 0"),
        ([[records.FORMAT, UEID], 2, 2], "more than 2"),
        ([[records.FORMAT, UEID], 2, 1], "more than 2"),
        ([[records.FORMAT, UEID], 1, None], "before the null"),
        ([[records.FORMAT, UEID], 1, [9, 0, bytes(8)]], "kind"),
        ([[records.FORMAT, UEID], 1, [True, 0, bytes(8)]], "kind"),
        ([[records.FORMAT, UEID], 1, [1, 4, bytes(8)]], "multiples of 8"),
        ([[records.FORMAT, UEID], 1, [1, 0, bytes(7)]], "multiples of 8"),
        ([[records.FORMAT, UEID], 1, [1, 0, b""]], "multiples of 8"),
        ([[records.FORMAT, UEID], 1, [1, -8, bytes(8)]], "address"),
        ([[records.FORMAT, UEID], 1, [1, 2**32, bytes(8)]], "address"),
        ([[records.FORMAT, UEID], 1, [1, 0, "text"]], "payload"),
        ([[records.FORMAT, UEID], 1, [1, 0]], "kind, address, payload"),
        ([[records.FORMAT, UEID], 1, [2, 0, bytes(16)]], "8 bytes"),
        ([[records.FORMAT, UEID], 1, "text"], "kind, address, payload"),
        ([], "header"),
    ],
)
def test_other_items_are_named(items: list[object], reason: str) -> None:
    with pytest.raises(FieldError, match=reason):
        records.parse(b"".join(map(cbor.encode, items)))


@given(st.lists(WRITES, min_size=1, max_size=6), st.data())
def test_replay_is_the_golden_memory_at_any_position(items: list[Record], data: st.DataObject) -> None:
    completed = data.draw(st.integers(0, len(items)))
    words = data.draw(st.integers(0, len(items[completed].payload) // 8)) if completed < len(items) else 0
    chip = golden.Chip(bytes(16), bytes(32), pages=3, memory=bytes(MEMORY))
    for item in items[:completed]:
        chip = golden.take(chip, item)
    if words:
        chip = golden.begin(chip, items[completed], words)
    assert Replay(items, MEMORY).to(Position(completed, words, 0)).memory == chip.memory
    assert running_digests(tuple(items))[completed] == chip.inputs == inputs_digest(items[:completed])


def test_positions_beyond_the_record() -> None:
    item = Record(RecordKind.WRITE, 0, bytes(16))
    for completed, words in ((2, 0), (1, 1), (0, 3)):
        with pytest.raises(FieldError, match="at least"):
            Replay([item], MEMORY).to(Position(completed, words, 0))
    with pytest.raises(FieldError, match="address"):
        Replay([Record(RecordKind.WRITE, MEMORY - 8, bytes(16))], MEMORY).to(Position(1, 0, 0))


def test_rates_in_force() -> None:
    items = [Record(RecordKind.WRITE, 0, bytes(8)), Record(RecordKind.TRIGGER_RATE, 0, (7).to_bytes(8, "little"))]
    assert records.rates(items) == (records.RateChange(2, 7),)


class Bench:
    """A recorder on a file, and a count of what an imagined chip took."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.random = Random(4)

    def item(self) -> Record:
        return Record(RecordKind.WRITE, 0, self.random.randbytes(8))

    def found(self) -> dict[int, int]:
        return {boot: len(items) for boot, items in records.parse(self.path.read_bytes()).boots.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "record")


def test_recorder_continues_a_boot_and_begins_the_next(bench: Bench) -> None:
    for boot, before in ((1, 0), (1, 2), (2, 0)):
        with Recorder(bench.path) as recorder:
            recorder.attach(UEID, boot, before)
            for count in (before + 1, before + 2):
                recorder.write(bench.item())
                recorder.reconcile(count)
    assert bench.found() == {1: 4, 2: 2}


def test_recorder_withdraws_what_the_chip_did_not_take(bench: Bench) -> None:
    with Recorder(bench.path) as recorder:
        recorder.attach(UEID, 1, 0)
        recorder.write(bench.item())
        recorder.write(bench.item())
        recorder.reconcile(1)
        assert recorder.count == 1
    assert bench.found() == {1: 1}


def test_recorder_settles_after_a_crash_whether_the_last_record_was_taken(bench: Bench) -> None:
    for taken in (0, 1):
        with Recorder(bench.path) as recorder:
            recorder.attach(UEID, taken + 1, 0)
            recorder.write(bench.item())
        with Recorder(bench.path) as recorder:
            recorder.attach(UEID, taken + 1, taken)
            assert recorder.count == taken
    assert bench.found() == {1: 0, 2: 1}


def test_recorder_overwrites_a_torn_end(bench: Bench) -> None:
    whole = file_of({1: [bench.item()]})
    bench.path.write_bytes(whole + records.record_item(bench.item())[:5])
    with Recorder(bench.path) as recorder:
        recorder.attach(UEID, 1, 1)
    assert bench.path.read_bytes() == whole


@pytest.mark.parametrize(
    "ueid, boot, completed, reason",
    [
        (b"\x01" + bytes(15) + b"\x01", 1, 2, "is the record of chip"),
        (UEID, 1, 3, "not the record of what was loaded"),
        (UEID, 1, 0, "not the record of what was loaded"),
        (UEID, 2, 1, "not in this file"),
    ],
)
def test_recorder_refuses_a_file_that_could_never_be_verified(
    bench: Bench, ueid: bytes, boot: int, completed: int, reason: str
) -> None:
    bench.path.write_bytes(file_of({1: [bench.item(), bench.item()]}))
    with Recorder(bench.path) as recorder, pytest.raises(EvidenceError, match=reason):
        recorder.attach(ueid, boot, completed)


def test_recorder_refuses_an_earlier_boot_and_other_files(bench: Bench, tmp_path: Path) -> None:
    bench.path.write_bytes(file_of({5: []}))
    with Recorder(bench.path) as recorder, pytest.raises(EvidenceError, match="in boot 4"):
        recorder.attach(UEID, 4, 0)
    bench.path.write_bytes(b"hello")
    with Recorder(bench.path) as recorder, pytest.raises(EvidenceError, match="expected the header"):
        recorder.attach(UEID, 4, 0)
    with pytest.raises(EvidenceError, match="Is a directory"):
        Recorder(tmp_path).attach(UEID, 1, 0)
