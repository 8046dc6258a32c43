"""The evidence folder: what was pulled from one chip, one file for each thing; layout in docs/formats.md.

Files appear whole or not at all and are never changed, so pulls can be interrupted, repeated and merged.
"""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from host.errors import EvidenceError, Fork

from . import cbor

FORMAT = "urn:livetrap:evidence:v1"
MARKER = "evidence.json"
CERTIFICATE = "certificate.cose"
RECORD = "record.cborseq"
CONFIGURATION = "configuration.bin"
STATEMENTS, SNAPSHOTS, CHALLENGES, FORKS = "statements", "snapshots", "challenges", "forks"
APPROVALS, EVENTS = "approvals", "events"

_STATEMENT_NAME = re.compile(r"^(\d{8,20})\.cose$")
_SNAPSHOT_NAME = re.compile(r"^(\d{8,20})$")
_PAGE_NAME = re.compile(r"^(\d{5,10})\.(page|proof)$")
_APPROVAL_NAME = re.compile(r"^[0-9a-f]{64}\.cose$")
_EVENT_NAME = re.compile(r"^[0-9a-f]{64}\.event$")
_CHALLENGE_NAME = re.compile(r"^([0-9a-f]{64})$")


@dataclass(frozen=True)
class Evidence:
    """A folder's contents, not yet checked in any way.

    statements: seq, as the file's name says, to bytes. pages and proofs: seq of the snapshot to page number to
    bytes. challenges: nonces that a head statement must answer. forks: second statements under a seq. configuration:
    the chip's. approvals, events: what truncate and error statements may name. strangers: paths that are no part of
    the layout.
    """

    ueid: bytes
    certificate: bytes | None = None
    statements: dict[int, bytes] = field(default_factory=dict)
    pages: dict[int, dict[int, bytes]] = field(default_factory=dict)
    proofs: dict[int, dict[int, bytes]] = field(default_factory=dict)
    challenges: tuple[bytes, ...] = ()
    record: bytes | None = None
    forks: tuple[tuple[int, bytes], ...] = ()
    configuration: bytes | None = None
    approvals: tuple[bytes, ...] = ()
    events: tuple[bytes, ...] = ()
    strangers: tuple[str, ...] = ()


class EvidenceFolder:
    """The folder at `path`, which belongs to the chip `ueid`."""

    def __init__(self, path: Path, ueid: bytes) -> None:
        self.path = path
        self.ueid = ueid

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing folder. Raises EvidenceError when there is none, or the marker is not as documented."""
        marker = path / MARKER
        try:
            content = json.loads(marker.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise EvidenceError(f"{path}: not an evidence folder: it has no {MARKER}") from None
        except OSError as error:
            raise EvidenceError(f"{marker}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise EvidenceError(f"{marker}: not JSON") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise EvidenceError(f"{marker}: the format is not {FORMAT!r}")
        try:
            return cls(path, bytes.fromhex(content["ueid"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(f"{marker}: no chip identifier in 'ueid'") from error

    @classmethod
    def create(cls, path: Path, ueid: bytes) -> Self:
        """The folder for a chip, made if it is not there.

        Raises EvidenceError when the folder belongs to another chip, holds something else, or cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not (path / MARKER).exists():
                if any(not entry.name.startswith(".") for entry in path.iterdir()):
                    raise EvidenceError(f"{path}: not empty, and not an evidence folder")
                content = json.dumps({"format": FORMAT, "ueid": ueid.hex()}, indent=1) + "\n"
                _write_whole(path / MARKER, content.encode())
        except OSError as error:
            raise EvidenceError(f"{path}: {error.strerror or error}") from error
        folder = cls.open(path)
        if folder.ueid != ueid:
            raise EvidenceError(f"{path} is the evidence of chip {folder.ueid.hex()}, not of {ueid.hex()}")
        return folder

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Keeps other writers out. Raises EvidenceError when another one is at work."""
        try:
            with (self.path / MARKER).open() as marker:
                try:
                    fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise EvidenceError(f"{self.path}: another program is writing to it") from None
                yield self
        except OSError as error:
            raise EvidenceError(f"{error.filename or self.path}: {error.strerror or error}") from error

    @property
    def record_path(self) -> Path:
        """Where the record of what was loaded is stored, whether it is there or not."""
        return self.path / RECORD

    def statement(self, seq: int) -> bytes | None:
        """The stored statement, or None."""
        return _read(self.path / STATEMENTS / f"{seq:08d}.cose")

    def seqs(self) -> list[int]:
        """Of the stored statements, ascending."""
        return sorted(seq for seq, _ in _numbered(self.path / STATEMENTS, _STATEMENT_NAME))

    def put_statement(self, seq: int, data: bytes) -> bool:
        """Stores a statement; True when it is new.

        Raises Fork when another one is stored under its seq. The second is kept too, under forks/: a chip that
        signs two histories incriminates itself.
        """
        stored = self.statement(seq)
        if stored == data:
            return False
        if stored is not None:
            copies = sum(1 for _ in (self.path / FORKS).glob(f"{seq:08d}-*")) if (self.path / FORKS).is_dir() else 0
            _put(self.path / FORKS / f"{seq:08d}-{copies}.cose", data)
            raise Fork(
                f"statement {seq} of chip {self.ueid.hex()} differs from the one in {self.path}: "
                f"the chip has two histories (fork); the second is in {FORKS}/"
            )
        _put(self.path / STATEMENTS / f"{seq:08d}.cose", data)
        return True

    def put_certificate(self, data: bytes) -> bool:
        """Stores the chip's certificate; True when it is new. Raises EvidenceError when another is stored."""
        return self._put_once(self.path / CERTIFICATE, data)

    def put_configuration(self, data: bytes) -> bool:
        """Stores the chip's configuration; True when it is new. Raises EvidenceError when another is stored."""
        return self._put_once(self.path / CONFIGURATION, data)

    def put_approval(self, digest: bytes, data: bytes) -> bool:
        """Stores an approval under the digest that a truncate statement names it by, as `put_configuration`."""
        return self._put_once(self.path / APPROVALS / f"{digest.hex()}.cose", data)

    def put_event(self, digest: bytes, data: bytes) -> bool:
        """Stores an event's record under the digest that an error statement names it by, as `put_configuration`."""
        return self._put_once(self.path / EVENTS / f"{digest.hex()}.event", data)

    def page(self, seq: int, page: int) -> bytes | None:
        """A stored page of the snapshot `seq`, or None."""
        return _read(self._page_path(seq, page, "page"))

    def put_page(self, seq: int, page: int, data: bytes) -> bool:
        """Stores a page of the snapshot `seq`; True when it is new. Raises EvidenceError when it differs."""
        return self._put_once(self._page_path(seq, page, "page"), data)

    def put_proof(self, seq: int, page: int, digests: list[bytes]) -> bool:
        """Stores the inclusion proof of a page (RFC 9162 2.1.3.1), as `put_page`."""
        return self._put_once(self._page_path(seq, page, "proof"), cbor.encode(digests))

    def put_challenge(self, nonce: bytes) -> None:
        """Stores a nonce whose head statement is in the folder."""
        self._put_once(self.path / CHALLENGES / nonce.hex(), b"")

    def put_record(self, data: bytes) -> None:
        """Stores the record of what was loaded. Raises EvidenceError when the stored one is not its beginning."""
        stored = _read(self.record_path) or b""
        if not data.startswith(stored):
            raise EvidenceError(f"{self.record_path}: not the beginning of the record that is to be stored")
        if data != stored:
            _put(self.record_path, data)

    def load(self) -> Evidence:
        """Everything in the folder. Raises EvidenceError when something cannot be read."""
        try:
            return self._load()
        except OSError as error:
            raise EvidenceError(f"{error.filename or self.path}: {error.strerror or error}") from error

    def _load(self) -> Evidence:
        known = {MARKER, CERTIFICATE, CONFIGURATION, RECORD}
        known |= {STATEMENTS, SNAPSHOTS, CHALLENGES, FORKS, APPROVALS, EVENTS}
        strangers = [entry.name for entry in _entries(self.path) if entry.name not in known]
        statements = dict(_numbered(self.path / STATEMENTS, _STATEMENT_NAME, strangers))
        pages: dict[int, dict[int, bytes]] = {}
        proofs: dict[int, dict[int, bytes]] = {}
        for seq, snapshot in _numbered(self.path / SNAPSHOTS, _SNAPSHOT_NAME, strangers):
            for entry in _entries(snapshot):
                match = _PAGE_NAME.match(entry.name)
                if not match or entry.name != f"{int(match[1]):05d}.{match[2]}":
                    strangers.append(str(entry.relative_to(self.path)))
                    continue
                into = pages if match[2] == "page" else proofs
                into.setdefault(seq, {})[int(match[1])] = entry.read_bytes()
        challenges = []
        for entry in _entries(self.path / CHALLENGES):
            if _CHALLENGE_NAME.match(entry.name):
                challenges.append(bytes.fromhex(entry.name))
            else:
                strangers.append(str(entry.relative_to(self.path)))
        forks = tuple(
            (int(entry.name.split("-")[0]), entry.read_bytes())
            for entry in _entries(self.path / FORKS)
            if re.match(r"^\d{8,20}-\d+\.cose$", entry.name)
        )
        return Evidence(
            ueid=self.ueid,
            certificate=_read(self.path / CERTIFICATE),
            statements={seq: path.read_bytes() for seq, path in sorted(statements.items())},
            pages=pages,
            proofs=proofs,
            challenges=tuple(challenges),
            record=_read(self.record_path),
            forks=forks,
            configuration=_read(self.path / CONFIGURATION),
            approvals=tuple(self._named(APPROVALS, _APPROVAL_NAME, strangers)),
            events=tuple(self._named(EVENTS, _EVENT_NAME, strangers)),
            strangers=tuple(sorted(strangers)),
        )

    def _named(self, folder: str, name: re.Pattern[str], strangers: list[str]) -> Iterator[bytes]:
        """Files of a folder with such names, in their order; the others' names go to `strangers`."""
        for entry in _entries(self.path / folder):
            if name.match(entry.name):
                yield entry.read_bytes()
            else:
                strangers.append(f"{folder}/{entry.name}")

    def _page_path(self, seq: int, page: int, kind: str) -> Path:
        return self.path / SNAPSHOTS / f"{seq:08d}" / f"{page:05d}.{kind}"

    @staticmethod
    def _put_once(path: Path, data: bytes) -> bool:
        stored = _read(path)
        if stored is not None and stored != data:
            raise EvidenceError(f"{path}: differs from what is to be stored")
        if stored is None:
            _put(path, data)
        return stored is None


def _entries(path: Path) -> list[Path]:
    """What is in a folder, in order of name; unfinished files and editors' droppings begin with a dot."""
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))


def _numbered(path: Path, name: re.Pattern[str], strangers: list[str] | None = None) -> Iterator[tuple[int, Path]]:
    """Entries whose names are numbers in their one spelling; the others' names go to `strangers`."""
    for entry in _entries(path):
        match = name.match(entry.name)
        if match and match[1] == f"{int(match[1]):08d}":
            yield int(match[1]), entry
        elif strangers is not None:
            strangers.append(f"{path.name}/{entry.name}")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error


def _put(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, data)
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error


def _write_whole(path: Path, data: bytes) -> None:
    """Writes beside `path`, makes it durable, and renames: a reader sees the whole file or none."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
