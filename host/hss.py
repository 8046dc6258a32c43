"""HSS/LMS keys of makers and log servers, by pyhsslms (RFC 8554, SP 800-208; parameter set of formats/lms.py).

A one-time key that signs twice lets anybody forge. So a key file has one signer at a time, and its next index is on
the disk before a signature leaves `sign`. A copy of the file is a second key of the same index: never sign with one,
nor restore one from a backup.

Needs the extra `maker`, but for `public_key`. The file, all integers big-endian:

    "LTHSSK01" ‖ HSS public key (52) ‖ u32 levels ‖ levels of LEVEL, root first ‖ signature of the lower key (if two
    levels) ‖ SHA-256 of all before

    LEVEL: u32 LMS type ‖ u32 LM-OTS type ‖ SEED (24) ‖ I (16) ‖ u32 next leaf
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from formats.lms import (
    HASH_BYTES,
    HSS_KEY_BYTES,
    IDENTIFIER_BYTES,
    LMOTS_SHAKE_N24_W4,
    LMS_SHAKE_M24_HEIGHTS,
    MAX_LEVELS,
    lms_signature_bytes,
)
from sim.golden.lms import verify_hss

from .errors import EvidenceError, LivetrapError

NEEDS_PYHSSLMS = "signing needs pyhsslms: run pip install '.[maker]' in livetrap's repository"

MAGIC = b"LTHSSK01"
_LEVELS = struct.Struct(">I")
_LEVEL = struct.Struct(f">II{HASH_BYTES}s{IDENTIFIER_BYTES}sI")
_CHECK_BYTES = hashlib.sha256().digest_size
LMS_TYPES = {height: lms_type for lms_type, height in LMS_SHAKE_M24_HEIGHTS.items()}
"""Height -> LMS type."""


def _pyhsslms() -> ModuleType:
    try:
        from pyhsslms import pyhsslms
    except ModuleNotFoundError as error:
        raise LivetrapError(NEEDS_PYHSSLMS) from error
    module: ModuleType = pyhsslms
    return module


@dataclass(frozen=True)
class Level:
    """One tree: its height, secret seed and identifier, and the leaf that signs next (2**height: none is left)."""

    height: int
    seed: bytes = field(repr=False)
    identifier: bytes
    leaf: int = 0

    @property
    def left(self) -> int:
        """Leaves that have not signed."""
        return (1 << self.height) - self.leaf


@dataclass(frozen=True)
class PrivateKey:
    """A private key at one moment.

    public_key: 52 bytes. levels: root first. lower_signature: the root's over the lower tree's key; empty with one
    level.
    """

    public_key: bytes
    levels: tuple[Level, ...]
    lower_signature: bytes = b""

    @property
    def remaining(self) -> int:
        """How many messages can still be signed."""
        total = 0
        for level in self.levels:
            total = total * (1 << level.height) + level.left
        return total

    def encode(self) -> bytes:
        """The contents of a key file."""
        body = MAGIC + self.public_key + _LEVELS.pack(len(self.levels))
        for level in self.levels:
            lms_type = LMS_TYPES[level.height]
            body += _LEVEL.pack(lms_type, LMOTS_SHAKE_N24_W4, level.seed, level.identifier, level.leaf)
        body += self.lower_signature
        return body + hashlib.sha256(body).digest()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The key in a file's contents. Raises ValueError for anything that `encode` does not make."""
        body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
        if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != check:
            raise ValueError("not an HSS private key, or a damaged one")
        at = len(MAGIC) + HSS_KEY_BYTES
        (count,) = _LEVELS.unpack_from(body, at)
        at += _LEVELS.size
        if not 1 <= count <= MAX_LEVELS or len(body) < at + count * _LEVEL.size:
            raise ValueError("an HSS private key of another size")
        levels = []
        for lms_type, lmots_type, seed, identifier, leaf in _LEVEL.iter_unpack(body[at : at + count * _LEVEL.size]):
            height = LMS_SHAKE_M24_HEIGHTS.get(lms_type)
            if height is None or lmots_type != LMOTS_SHAKE_N24_W4 or leaf > 1 << height:
                raise ValueError("an HSS private key of another parameter set")
            levels.append(Level(height, seed, identifier, leaf))
        signature = body[at + count * _LEVEL.size :]
        if len(signature) != (lms_signature_bytes(levels[0].height) if count == 2 else 0):
            raise ValueError("an HSS private key of another size")
        return cls(body[len(MAGIC) : len(MAGIC) + HSS_KEY_BYTES], tuple(levels), signature)


def generate(levels: int, height: int, lower_height: int | None = None) -> PrivateKey:
    """A new key of one or two levels.

    height: of the root's tree: 5, 10, 15, 20 or 25. lower_height: of the lower trees, if other. Takes about 1 ms for
    each leaf of each level. Raises LivetrapError for other values, or without pyhsslms.
    """
    heights = [height] if levels == 1 else [height, height if lower_height is None else lower_height]
    if not 1 <= levels <= MAX_LEVELS or (levels == 1 and lower_height is not None):
        raise LivetrapError(f"an HSS key has one level or two, not {levels}")
    for each in heights:
        if each not in LMS_TYPES:
            raise LivetrapError(f"an LMS tree has a height of {', '.join(map(str, LMS_TYPES))}, not {each}")
    trees = [Level(each, secrets.token_bytes(HASH_BYTES), secrets.token_bytes(IDENTIFIER_BYTES)) for each in heights]
    hss = _hss(trees, [])
    return _state(hss)


def _hss(levels: Sequence[Level], signatures: list[bytes]) -> Any:
    """pyhsslms's key; signs the lower tree's key if there is no signature yet."""
    pyhsslms = _pyhsslms()
    trees = [
        pyhsslms.LmsPrivateKey(
            LMS_TYPES[level.height].to_bytes(4, "big"),
            LMOTS_SHAKE_N24_W4.to_bytes(4, "big"),
            level.seed,
            level.identifier,
            level.leaf,
        )
        for level in levels
    ]
    if len(trees) == 2 and not signatures:
        signatures = [trees[0].sign(trees[1].publicKey().serialize())]
    return pyhsslms.HssPrivateKey(
        levels=len(trees),
        # New lower trees are of this type. What is left is counted by PrivateKey: pyhsslms expects equal heights.
        lms_type=trees[-1].lms_type,
        lmots_type=trees[-1].lmots_type,
        remaining_signatures=1 << 64,
        prvs=trees,
        sigs=signatures,
    )


def _state(hss: Any) -> PrivateKey:
    levels = tuple(
        Level(LMS_SHAKE_M24_HEIGHTS[int.from_bytes(tree.lms_type, "big")], tree.SEED, tree.I, tree.q)
        for tree in hss.prv
    )
    return PrivateKey(hss.publicKey().serialize(), levels, b"".join(hss.sig))


class Signer:
    """A key file that is open for signing; made by `open_key`. Its trees are computed before it first signs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key: PrivateKey | None = load(path)
        self._hss: Any = None
        self.public_key = self._key.public_key
        """52 bytes."""

    @property
    def remaining(self) -> int:
        """How many messages can still be signed."""
        return self._current().remaining

    def _current(self) -> PrivateKey:
        if self._key is None:
            self._key = load(self._path)
        return self._key

    def sign(self, message: bytes) -> bytes:
        """An HSS signature, after the file says that its one-time key is spent.

        Raises EvidenceError when the key is spent, the file cannot be written, or the signature does not verify
        (then its one-time key is spent too); LivetrapError without pyhsslms.
        """
        key = self._current()
        if not key.remaining:
            raise EvidenceError(f"{self._path}: the key has made all its signatures; a new one is needed")
        hss = self._hss or _hss(key.levels, [key.lower_signature] if key.lower_signature else [])
        # After a failure it is the file that says what comes next.
        self._hss = self._key = None
        if hss.publicKey().serialize() != self.public_key:
            raise EvidenceError(f"{self._path}: its public key is another private key's")
        signature: bytes = hss.sign(message)
        key = _state(hss)
        try:
            _replace(self._path, key.encode())
        except OSError as error:
            raise EvidenceError(f"{self._path}: {error.strerror or error}") from error
        if not verify_hss(self.public_key, message, signature):
            raise EvidenceError(f"{self._path}: the signature that was made does not verify")
        self._hss, self._key = hss, key
        return signature


@contextlib.contextmanager
def open_key(path: Path) -> Iterator[Signer]:
    """Opens a private key file for signing, and keeps other signers out until it is closed.

    The lock is on a file beside it, `path` + ".lock". Raises EvidenceError when the file cannot be read, is no key,
    or is open elsewhere.
    """
    try:
        path = path.resolve(strict=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EvidenceError(f"{error.filename or path}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EvidenceError(f"{path}: another program is signing with it") from None
        yield Signer(path)
    finally:
        os.close(lock)


def sign(path: Path, message: bytes) -> bytes:
    """One signature by a key file. Raises as `open_key` and `Signer.sign`."""
    with open_key(path) as key:
        return key.sign(message)


def load(path: Path) -> PrivateKey:
    """The key in a file. Raises EvidenceError when it cannot be read or holds something else."""
    try:
        return PrivateKey.decode(path.read_bytes())
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise EvidenceError(f"{path}: {error}") from error


def public_key(path: Path) -> bytes:
    """The 52 bytes of the public key of a private key file. Raises as `load`."""
    return load(path).public_key


def save(path: Path, key: PrivateKey) -> None:
    """Writes a new key file, readable by its owner alone. Raises EvidenceError when it exists or cannot be made."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.encode())
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise EvidenceError(f"{path}: exists already; keys are not overwritten") from error
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error


def _replace(path: Path, contents: bytes) -> None:
    """New contents for a file, whole and durable or not at all."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
