"""The evidence folder: whole files or none, merges, forks, and whatever else may lie there."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.errors import EvidenceError, Fork
from host.evidence.folder import MARKER, EvidenceFolder
from tests.evidence_story import NONCE, honest, write

UEID = honest().ueid


@pytest.fixture
def folder(tmp_path: Path) -> EvidenceFolder:
    return EvidenceFolder.create(tmp_path / "evidence", UEID)


def test_loads_what_was_written(tmp_path: Path) -> None:
    folder = write(honest(), tmp_path / "evidence")
    assert folder.load() == replace(honest(), challenges=tuple(sorted(honest().challenges)))


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    folder = write(honest(), tmp_path / "evidence")
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}
    write(honest(), tmp_path / "evidence")
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()} == before


def test_a_fork_is_refused_and_kept(folder: EvidenceFolder) -> None:
    assert folder.put_statement(3, b"one") and not folder.put_statement(3, b"one")
    for second in (b"two", b"three"):
        with pytest.raises(Fork, match="statement 3 of chip 0100112233445566778899aabbccddeeff"):
            folder.put_statement(3, second)
    loaded = folder.load()
    assert loaded.statements == {3: b"one"}
    assert loaded.forks == ((3, b"two"), (3, b"three"))


def test_nothing_else_is_overwritten_either(folder: EvidenceFolder) -> None:
    folder.put_certificate(b"one")
    folder.put_page(1, 2, b"page")
    folder.put_proof(1, 2, [bytes(32)])
    for put in (
        lambda: folder.put_certificate(b"two"),
        lambda: folder.put_page(1, 2, b"other"),
        lambda: folder.put_proof(1, 2, []),
    ):
        with pytest.raises(EvidenceError, match="differs"):
            put()


def test_the_record_may_only_grow(folder: EvidenceFolder) -> None:
    folder.put_record(b"ab")
    folder.put_record(b"abc")
    folder.put_record(b"abc")
    for other in (b"ab", b"xbcd"):
        with pytest.raises(EvidenceError, match="not the beginning"):
            folder.put_record(other)
    assert folder.load().record == b"abc"


def test_a_folder_belongs_to_one_chip(folder: EvidenceFolder) -> None:
    with pytest.raises(EvidenceError, match="is the evidence of chip"):
        EvidenceFolder.create(folder.path, b"\x01" + bytes(16))


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(EvidenceError, match="not empty, and not an evidence folder"):
        EvidenceFolder.create(tmp_path, UEID)
    with pytest.raises(EvidenceError, match="not an evidence folder"):
        EvidenceFolder.open(tmp_path)
    with pytest.raises(EvidenceError):
        EvidenceFolder.create(tmp_path / "letter", UEID)


@pytest.mark.parametrize("content", ["", "[]", "{", "5", '{"format": "x"}', "[" * 100_000])
def test_a_broken_marker(folder: EvidenceFolder, content: str) -> None:
    (folder.path / MARKER).write_text(content)
    with pytest.raises(EvidenceError, match=MARKER):
        EvidenceFolder.open(folder.path)


@given(st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.none(), max_size=1)))
def test_a_marker_without_a_ueid(value: object) -> None:
    marker = {"format": "urn:livetrap:evidence:v1", "ueid": value}
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / MARKER).write_text(json.dumps(marker))
        if found is None:
            with pytest.raises(EvidenceError, match="ueid"):
                EvidenceFolder.open(Path(place))
        else:
            assert EvidenceFolder.open(Path(place)).ueid == found


def test_strangers_are_named_and_left_aside(tmp_path: Path) -> None:
    folder = write(honest(), tmp_path / "evidence")
    strangers = [
        "notes.txt",
        "statements/1.cose",
        "statements/00000001.cbor",
        "statements/000000001.cose",
        "snapshots/4",
        "snapshots/00000001/0.page",
        "snapshots/00000001/000001.page",
        "challenges/xyz",
    ]
    for name in strangers:
        path = folder.path / name
        path.mkdir() if name == "snapshots/4" else path.write_text("?")
    (folder.path / "statements" / ".00000009.cose.77").write_text("unfinished")
    loaded = folder.load()
    assert loaded.strangers == tuple(sorted(strangers))
    assert replace(loaded, strangers=()) == replace(honest(), challenges=tuple(sorted(honest().challenges)))


def test_one_writer_at_a_time(folder: EvidenceFolder) -> None:
    with folder.writing(), pytest.raises(EvidenceError, match="another program is writing"), folder.writing():
        pass
    with folder.writing():
        pass


def test_an_interrupted_write_leaves_no_half_file(folder: EvidenceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("host.evidence.folder.os.fsync", fail)
    with pytest.raises(EvidenceError, match="No space left"):
        folder.put_statement(0, b"data")
    monkeypatch.undo()
    assert folder.load().statements == {}
    assert not list((folder.path / "statements").iterdir())
    folder.put_challenge(NONCE)
    assert folder.load().challenges == (NONCE,)
