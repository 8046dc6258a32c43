"""Firmware images (formats/image.py): made, signed and read. Strict: what `parse` takes, `encode` makes again."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from Crypto.Hash import TurboSHAKE128

from formats.flash import TRAILER_OFFSET
from formats.hashing import DIGEST_BYTES, Domain
from formats.image import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    MAX_BODY_BYTES,
    PROTECTED_BYTES,
    PROTECTED_MAGIC,
    SIGNED_LABEL,
    TLV_INFO,
    TLV_MAGIC,
    Tlv,
)
from host.errors import EvidenceError, FieldError

SUBJECT = "firmware image"
SHA256_BYTES = 32
MAX_IMAGE_BYTES = TRAILER_OFFSET

Sign = Callable[[bytes], bytes]
"""Makes an HSS signature (RFC 8554 6.2) over a message."""


class Version(NamedTuple):
    """MCUboot's: major and minor below 256, revision below 65536, build below 2**32."""

    major: int = 0
    minor: int = 0
    revision: int = 0
    build: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self if self.build else self[:3]))


@dataclass(frozen=True)
class Image:
    """A firmware image; `signature` is None in one that nobody has signed yet, which ends with its protected TLVs."""

    body: bytes
    load_address: int
    version: Version
    security_version: int
    map_hash: int
    signature: bytes | None = None

    @property
    def measured(self) -> bytes:
        """header ‖ body ‖ protected TLVs."""
        header = HEADER.pack(
            MAGIC, self.load_address, HEADER_BYTES, PROTECTED_BYTES, len(self.body), 0, *self.version, 0
        )
        tlvs = TLV_INFO.pack(PROTECTED_MAGIC, PROTECTED_BYTES)
        tlvs += _tlv(Tlv.SECURITY_VERSION, self.security_version.to_bytes(4, "little"))
        return header + self.body + tlvs + _tlv(Tlv.MAP, self.map_hash.to_bytes(4, "little"))

    @property
    def measurement(self) -> bytes:
        """What statements say of this firmware: 32 bytes."""
        return TurboSHAKE128.new(data=self.measured, domain=Domain.MEASUREMENT).read(DIGEST_BYTES)

    @property
    def signed_bytes(self) -> bytes:
        """What the HSS signature is over."""
        return SIGNED_LABEL + self.measurement

    @property
    def hash(self) -> bytes:
        """The image's name for SMP clients: its SHA256 TLV, 32 bytes."""
        return hashlib.sha256(self.measured).digest()

    def encode(self) -> bytes:
        """The file's bytes."""
        if self.signature is None:
            return self.measured
        tlvs = _tlv(Tlv.SHA256, self.hash) + _tlv(Tlv.SIGNATURE, self.signature)
        return self.measured + TLV_INFO.pack(TLV_MAGIC, TLV_INFO.size + len(tlvs)) + tlvs


def _tlv(kind: Tlv, value: bytes) -> bytes:
    return TLV_INFO.pack(kind, len(value)) + value


def pack(body: bytes, load_address: int, version: Version, security_version: int, map_hash: int) -> bytes:
    """An unsigned image: header ‖ body ‖ protected TLVs.

    Raises FieldError for a body that ROM would not load: empty, above MAX_BODY_BYTES, or no multiple of 4 bytes.
    """
    _check_body(len(body))
    return Image(body, load_address, version, security_version, map_hash).encode()


def sign(image: bytes, signer: Sign) -> bytes:
    """The image, signed; a signature that it has already is replaced. Raises as `parse`, and what `signer` raises."""
    parsed = parse(image)
    unsigned = Image(parsed.body, parsed.load_address, parsed.version, parsed.security_version, parsed.map_hash)
    signed = Image(*_fields(unsigned), signature=signer(unsigned.signed_bytes)).encode()
    if len(signed) > MAX_IMAGE_BYTES:
        raise FieldError(SUBJECT, "size", f"at most {MAX_IMAGE_BYTES} bytes", str(len(signed)))
    return signed


def _fields(image: Image) -> tuple[bytes, int, Version, int, int]:
    return image.body, image.load_address, image.version, image.security_version, image.map_hash


def measurement(image: bytes) -> bytes:
    """The measurement of an image, signed or not. Raises as `parse`."""
    return parse(image).measurement


def _check_body(size: int) -> None:
    if not size or size % 4 or size > MAX_BODY_BYTES:
        expected = f"a multiple of 4, from 4 to {MAX_BODY_BYTES} bytes"
        raise FieldError(SUBJECT, "body", expected, f"{size} bytes")


def parse(data: bytes) -> Image:
    """The image that `data` is, signed or not. Raises FieldError for anything that `encode` does not make; the
    signature itself is not verified here."""
    if len(data) < HEADER_BYTES:
        raise FieldError(SUBJECT, "header", f"{HEADER_BYTES} bytes", str(len(data)))
    magic, load_address, _, _, size, _, *version, _ = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FieldError(SUBJECT, "magic", f"{MAGIC:#010x}", f"{magic:#010x}")
    _check_body(size)
    protected = HEADER_BYTES + size
    end = protected + PROTECTED_BYTES
    if len(data) < end:
        raise FieldError(SUBJECT, "size", f"at least {end} bytes", str(len(data)))
    security_version, map_hash = struct.unpack_from("<I4xI", data, protected + 2 * TLV_INFO.size)
    image = Image(data[HEADER_BYTES:protected], load_address, Version(*version), security_version, map_hash)
    if len(data) > end:
        # Behind the TLV area's head: type, size and value of SHA256; type, size and value of SIGNATURE.
        at = end + 3 * TLV_INFO.size + SHA256_BYTES
        image = Image(*_fields(image), signature=data[at:])
    if image.encode() != data:
        raise FieldError(SUBJECT, "header and TLVs", "those that every image has", "others")
    if len(data) > MAX_IMAGE_BYTES:
        raise FieldError(SUBJECT, "size", f"at most {MAX_IMAGE_BYTES} bytes", str(len(data)))
    return image


def read(path: Path) -> Image:
    """The image in a file. Raises EvidenceError when it cannot be read, and as `parse`."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
