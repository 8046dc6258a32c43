"""Statements and receipts in SQLite: stored durably before anything is answered, and never two of one seq."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.statement import Kind
from host.errors import EvidenceError, FieldError
from host.evidence import certificate as certificates
from host.evidence import receipt as receipts
from host.evidence import statement as statements
from host.evidence.certificate import Certificate
from host.evidence.hash_signed import Sign
from host.evidence.statement import ZEROS, Statement
from sim.golden.statement import chained

from .messages import Answer, LogServerRefusal, Submission

SCHEMA_VERSION = 1
APPLICATION_ID = 0x4C544C53
MAX_SEQ = 1 << 63

_SCHEMA = """
CREATE TABLE chips (
    ueid BLOB PRIMARY KEY, key BLOB NOT NULL, certificate BLOB NOT NULL,
    first INTEGER NOT NULL, next INTEGER NOT NULL, chain BLOB NOT NULL, forked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE statements (
    ueid BLOB NOT NULL, seq INTEGER NOT NULL, statement BLOB NOT NULL, receipt BLOB,
    PRIMARY KEY (ueid, seq)
) WITHOUT ROWID;
CREATE TABLE forks (
    ueid BLOB NOT NULL, seq INTEGER NOT NULL, statement BLOB NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (ueid, seq)
) WITHOUT ROWID;
"""


class Fork(LogServerRefusal):
    """The chip's key signed a second history; the second statement is stored."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(409, f"statement {seq}: {reason}: the chip has two histories (fork)")


@dataclass
class _Chip:
    """A chip's row. next, chain: after the last statement stored."""

    key: bytes
    first: int
    next: int
    chain: bytes
    forked: bool


class Store:
    """The statements of any number of chips; its methods may be called from any thread.

    sign: makes receipts' HSS signatures. root_key: the maker's, at which certificate chains must end; None believes
    the first key that comes with a chip's identifier, and no other for it afterwards. Methods raise EvidenceError
    when the database cannot be used.
    """

    def __init__(self, path: Path, sign: Sign, root_key: bytes | None = None) -> None:
        self._sign = sign
        self._root_key = root_key
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._open(path)
        except sqlite3.Error as error:
            raise EvidenceError(f"{path}: {error}") from error

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def next_of(self, ueid: bytes) -> int | None:
        """The seq after the last statement of this chip, None if there is none."""
        with self._transaction():
            chip = self._chip(ueid)
        return chip.next if chip else None

    def accept(self, submission: Submission) -> Answer:
        """Stores statements, in one transaction, and answers with the receipts of the snapshots among them.

        What is stored already is answered with the receipt that was made then. Raises LogServerRefusal, with the
        status of HTTP, for what is not signed by the certified key, leaves a gap, or forks; a fork is stored too, and
        what stands before it in the submission stays. Any other error leaves the store as it was.
        """
        certificate, found = self._checked(submission)
        with self._transaction():
            try:
                return self._store(submission.certificate, certificate, found)
            except LogServerRefusal as refusal:
                refused = refusal
        raise refused

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Durable when it is left, or undone when it is left by an exception."""
        try:
            with self._lock:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._database.execute("COMMIT")
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise EvidenceError(f"the log server's database: {error}") from error

    def _open(self, path: Path) -> None:
        database = self._database
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        version, application = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")
        )
        if (version, application) == (SCHEMA_VERSION, APPLICATION_ID):
            return
        if version or application or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise EvidenceError(f"{path}: not a log server's database of this version")
        database.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )

    def _checked(self, submission: Submission) -> tuple[Certificate, list[Statement]]:
        """The chip's certificate and statements, if it signed them. Raises LogServerRefusal."""
        try:
            chain = certificates.parse_chain(submission.certificate)
            if self._root_key is not None:
                certificates.check_chain(chain, self._root_key)
            found = []
            for at, data in enumerate(submission.statements):
                statement = statements.parse(data, f"statement at place {at}")
                self._check_statement(statement, chain.chip)
                found.append(statement)
        except FieldError as error:
            raise LogServerRefusal(403, str(error)) from error
        return chain.chip, found

    @staticmethod
    def _check_statement(statement: Statement, certificate: Certificate) -> None:
        subject = f"statement {statement.seq}"
        if statement.ueid != certificate.ueid:
            raise FieldError(subject, "ueid", f"the certified {certificate.ueid.hex()}", statement.ueid.hex())
        if statement.configuration != certificate.configuration:
            expected = f"the certified {certificate.configuration.hex()}"
            raise FieldError(subject, "configuration", expected, statement.configuration.hex())
        if not statement.signed_by(certificate.public_key):
            expected = f"one by the chip's key {certificate.public_key.hex()}"
            raise FieldError(subject, "signature", expected, "one that this key did not make")
        if statement.seq >= MAX_SEQ - 1:
            raise FieldError(subject, "seq", f"less than {MAX_SEQ - 1}", str(statement.seq))

    def _chip(self, ueid: bytes) -> _Chip | None:
        row = self._database.execute(
            "SELECT key, first, next, chain, forked FROM chips WHERE ueid = ?", (ueid,)
        ).fetchone()
        return _Chip(row[0], row[1], row[2], row[3], bool(row[4])) if row else None

    def _store(self, chain: bytes, certificate: Certificate, found: Iterable[Statement]) -> Answer:
        ueid = certificate.ueid
        chip = self._chip(ueid)
        if chip is not None and chip.key != certificate.public_key:
            raise LogServerRefusal(403, f"chip {ueid.hex()} is known with another key")
        answered: dict[int, bytes] = {}
        for statement in found:
            if chip is None:
                if statement.seq == 0 and statement.chain != ZEROS:
                    raise LogServerRefusal(403, "statement 0: its chain is not zeros")
                chip = _Chip(certificate.public_key, statement.seq, statement.seq, statement.chain, False)
                values = (ueid, chip.key, chain, chip.first, chip.next, chip.chain)
                self._database.execute(
                    "INSERT INTO chips (ueid, key, certificate, first, next, chain) VALUES (?, ?, ?, ?, ?, ?)", values
                )
            receipt = self._store_one(chip, statement)
            if receipt is not None:
                answered[statement.seq] = receipt
        return Answer(chip.next if chip else None, answered)

    def _store_one(self, chip: _Chip, statement: Statement) -> bytes | None:
        """The statement's receipt, None if it is no snapshot."""
        ueid, seq, data = statement.ueid, statement.seq, statement.encoded
        row = self._database.execute(
            "SELECT statement, receipt FROM statements WHERE ueid = ? AND seq = ?", (ueid, seq)
        ).fetchone()
        if row is not None:
            if row[0] != data:
                self._note_fork(statement, "another with this seq is stored")
            receipt: bytes | None = row[1]
            return receipt
        if chip.forked:
            raise LogServerRefusal(409, f"chip {ueid.hex()} has two histories (fork)")
        if seq != chip.next:
            raise LogServerRefusal(409, f"statement {seq}: the next one must be {chip.next}", chip.next)
        if statement.chain != chip.chain:
            self._note_fork(statement, "its chain is not the digest over those that are stored")
        receipt = receipts.issue(statement, self._sign) if statement.kind is Kind.SNAPSHOT else None
        chip.next, chip.chain = seq + 1, chained(chip.chain, data)
        self._database.execute(
            "INSERT INTO statements (ueid, seq, statement, receipt) VALUES (?, ?, ?, ?)", (ueid, seq, data, receipt)
        )
        self._database.execute("UPDATE chips SET next = ?, chain = ? WHERE ueid = ?", (chip.next, chip.chain, ueid))
        return receipt

    def _note_fork(self, statement: Statement, reason: str) -> None:
        """One second statement of each seq is proof enough."""
        ueid, seq = statement.ueid, statement.seq
        self._database.execute(
            "INSERT OR IGNORE INTO forks (ueid, seq, statement, reason) VALUES (?, ?, ?, ?)",
            (ueid, seq, statement.encoded, reason),
        )
        self._database.execute("UPDATE chips SET forked = 1 WHERE ueid = ?", (ueid,))
        raise Fork(seq, reason)
