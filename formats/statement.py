"""The statement's byte layout, read from statement.cddl.

Every claim has one encoded length, so the payload, the COSE_Sign1 around it and the Sig_structure under its
signature (RFC 9052 4.4) are templates with slots at fixed offsets.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files

CDDL = "statement.cddl"
SIGNATURE_BYTES = 64
PROTECTED = bytes.fromhex("a10127")
"""Serialised protected header: {1: -8}, algorithm EdDSA."""


class Kind(IntEnum):
    """What a statement is about: values of its claim `kind`."""

    BOOT = 1
    SNAPSHOT = 2
    PRECOMMIT = 3
    HEAD = 4
    UPDATE = 5
    ERROR = 6
    TRUNCATE = 7


class Cause(IntEnum):
    """What set off a snapshot: values of the claim `cause`; with FORCED added, it was not at a boundary."""

    NONE = 0
    RANDOM = 1
    HOST = 2
    CHALLENGE = 3
    RANDOM_FORCED = 9
    HOST_FORCED = 10
    CHALLENGE_FORCED = 11


FORCED = 8
"""Added to a Cause when no descriptor boundary came within the bound."""


@dataclass(frozen=True)
class Claim:
    """One claim of the payload.

    key: CBOR integer label. size: bytes of its value in the slot (0 if the value is literal text).
    text: literal value, if any. enumerated: a CBOR unsigned integer below 24 and not a byte string.
    source: "template", "firmware" or "hardware". offset: of the slot's first byte in the payload.
    """

    name: str
    key: int
    size: int
    text: str | None
    enumerated: bool
    source: str
    meaning: str
    offset: int


@dataclass(frozen=True)
class Layout:
    """Claims in their encoded order, and the payload with zeros in every slot."""

    claims: tuple[Claim, ...]
    payload: bytes

    def __getitem__(self, name: str) -> Claim:
        for claim in self.claims:
            if claim.name == name:
                return claim
        raise KeyError(name)

    @property
    def sig_structure_prefix(self) -> bytes:
        """What stands before the payload in the Sig_structure that is signed (RFC 9052 4.4)."""
        return b"\x84\x6aSignature1" + cbor_bytes(PROTECTED) + cbor_bytes(b"") + cbor_head(2, len(self.payload))

    @property
    def statement_prefix(self) -> bytes:
        """What stands before the payload in the COSE_Sign1."""
        return b"\xd2\x84" + cbor_bytes(PROTECTED) + b"\xa0" + cbor_head(2, len(self.payload))

    @property
    def statement_bytes(self) -> int:
        """Length of the COSE_Sign1: a multiple of 8."""
        return len(self.statement_prefix) + len(self.payload) + 2 + SIGNATURE_BYTES


def cbor_head(major: int, value: int) -> bytes:
    """A CBOR initial byte with its argument, in the shortest form (RFC 8949 4.2.1). ValueError from 2**64 on."""
    if value < 24:
        return bytes([major << 5 | value])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | code]) + value.to_bytes(size, "big")
    raise ValueError(f"{value} has no CBOR head")


def cbor_bytes(value: bytes) -> bytes:
    """A CBOR byte string."""
    return cbor_head(2, len(value)) + value


def cbor_key(key: int) -> bytes:
    """A CBOR integer, as a label."""
    return cbor_head(0, key) if key >= 0 else cbor_head(1, -1 - key)


_CLAIM = re.compile(
    r"^\s+(?P<key>-?\d+) => (?:bstr \.size (?P<size>\d+)|\"(?P<text>[^\"]*)\"|(?P<enum>[a-z]+)),\s*"
    r"; (?P<name>\w+) (?P<source>template|firmware|hardware): (?P<meaning>.+)$"
)


@cache
def layout() -> Layout:
    """Reads the CDDL.

    Raises ValueError when a claim does not have the form the file's head describes, when the keys are not in
    the deterministic order of RFC 8949 4.2.1, or when the statement's length is not a multiple of 8.
    """
    text = files(__package__).joinpath(CDDL).read_text()
    body = text.split("claims = {\n", 1)[1].split("\n}", 1)[0]
    lines = body.splitlines()
    payload = bytearray(cbor_head(5, len(lines)))
    claims: list[Claim] = []
    for line in lines:
        match = _CLAIM.match(line)
        if not match:
            raise ValueError(f"{CDDL}: not a claim: {line.strip()!r}")
        key = int(match["key"])
        if claims and cbor_key(key) <= cbor_key(claims[-1].key):
            raise ValueError(f"{CDDL}: claim {key} is out of order (RFC 8949 4.2.1)")
        payload += cbor_key(key)
        size = int(match["size"] or 0)
        if match["text"] is not None:
            literal = match["text"].encode()
            payload += cbor_head(3, len(literal)) + literal
            offset = len(payload) - len(literal)
        elif match["enum"]:
            size = 1
            offset = len(payload)
            payload += b"\x00"
        else:
            payload += cbor_head(2, size)
            offset = len(payload)
            payload += bytes(size)
        claims.append(
            Claim(
                match["name"], key, size, match["text"], bool(match["enum"]),
                match["source"], match["meaning"], offset,
            )
        )  # fmt: skip
    result = Layout(tuple(claims), bytes(payload))
    if result.statement_bytes % 8:
        raise ValueError(f"{CDDL}: a statement has {result.statement_bytes} bytes, not a multiple of 8")
    return result
