"""The maker's key files: PEM as other tools write and read it, Ed25519 only.

Public: SubjectPublicKeyInfo of RFC 8410 4, "PUBLIC KEY". Private: PKCS #8 of RFC 8410 7, "PRIVATE KEY",
readable by its owner alone. Both forms have one encoding each, so a prefix and 32 bytes are all there is.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path

from host.errors import EvidenceError

from .signature import public_key

KEY_BYTES = 32
PUBLIC_PREFIX = bytes.fromhex("302a300506032b6570032100")
PRIVATE_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
PUBLIC_LABEL, PRIVATE_LABEL = "PUBLIC KEY", "PRIVATE KEY"
ED25519_KEY = "an Ed25519 key (RFC 8410)"


def _pem(label: str, der: bytes) -> str:
    """RFC 7468; the DER of one key fits on one line."""
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"


def read_pem(path: Path, label: str, prefix: bytes, size: int, what: str) -> bytes:
    """The `size` bytes behind a DER prefix in a PEM file with this label.

    what: the key that it should be, with its article. Raises EvidenceError when the file cannot be read or holds
    something else.
    """
    begin, end = f"-----BEGIN {label}-----", f"-----END {label}-----"
    lines = [line.strip() for line in _read(path).strip().splitlines()]
    if len(lines) < 3 or lines[0] != begin or lines[-1] != end:
        raise EvidenceError(f"{path}: not {what} in PEM with the label {label!r}")
    try:
        der = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(f"{path}: the PEM body is not base64") from error
    if not der.startswith(prefix) or len(der) != len(prefix) + size:
        raise EvidenceError(f"{path}: not {what}")
    return der[len(prefix) :]


def write_pem(path: Path, label: str, der: bytes) -> None:
    """Writes a new PEM file. Raises EvidenceError when it exists already or cannot be written."""
    try:
        with path.open("x") as file:
            file.write(_pem(label, der))
    except FileExistsError as error:
        raise EvidenceError(f"{path}: exists already; keys are not overwritten") from error
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise EvidenceError(f"{path}: not a PEM file") from error


def read_public(path: Path) -> bytes:
    """The 32-byte public key in a PEM file; whether it is an acceptable point is for the checks to say.

    Raises EvidenceError when the file cannot be read or holds something else.
    """
    return read_pem(path, PUBLIC_LABEL, PUBLIC_PREFIX, KEY_BYTES, ED25519_KEY)


def read_private(path: Path) -> bytes:
    """The 32-byte seed in a PEM file. Raises EvidenceError as `read_public` does."""
    return read_pem(path, PRIVATE_LABEL, PRIVATE_PREFIX, KEY_BYTES, ED25519_KEY)


def public_pem(key: bytes) -> str:
    """A 32-byte Ed25519 public key as the text of a PEM file."""
    return _pem(PUBLIC_LABEL, PUBLIC_PREFIX + key)


def generate(path: Path) -> Path:
    """Makes a new key: the private one in `path`, for its owner alone, the public one in `path` + ".pub".

    Returns the public file's path. Raises EvidenceError when either exists already or cannot be written.
    """
    public_path = path.with_name(path.name + ".pub")
    seed = secrets.token_bytes(KEY_BYTES)
    if public_path.exists():
        raise EvidenceError(f"{public_path}: exists already; keys are not overwritten")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(_pem(PRIVATE_LABEL, PRIVATE_PREFIX + seed))
        with public_path.open("x") as file:
            file.write(public_pem(public_key(seed)))
    except FileExistsError as error:
        raise EvidenceError(f"{error.filename}: exists already; keys are not overwritten") from error
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
    return public_path
