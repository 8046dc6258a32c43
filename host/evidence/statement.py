"""Statements as the Verifier reads them: formats/statement.cddl, claim by claim, and nothing else."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from formats.hashing import DIGEST_BYTES
from formats.otp import Lifecycle
from formats.statement import FORCED, Cause, Claim, Kind, layout
from host.errors import FieldError

from . import cbor
from .signature import Sign1, parse_sign1

ZEROS = bytes(DIGEST_BYTES)

_BYTE_STRING_CLAIMS = ("nonce", "ueid", "firmware", "chain", "inputs", "digest", "configuration")
"""Claims whose value is a byte string to us too; the others are big-endian integers."""

_ENUMERATIONS: dict[str, tuple[Kind | Cause | Lifecycle, ...]] = {
    "kind": tuple(Kind),
    "cause": tuple(Cause),
    "lifecycle": tuple(state for state in Lifecycle if state is not Lifecycle.RAW),
}
"""A chip in the state RAW makes no statement."""


@dataclass(frozen=True)
class Statement:
    """The claims of one statement; formats/statement.cddl says what each means.

    encoded: the whole COSE_Sign1, as the chip sent it.
    """

    nonce: bytes
    ueid: bytes
    kind: Kind
    seq: int
    bootcount: int
    ticks: int
    macs: int
    steps: int
    descriptor: int
    cause: Cause
    firmware: bytes
    security_version: int
    chain: bytes
    inputs: bytes
    records: int
    words: int
    pages: int
    page_size: int
    region: int
    digest: bytes
    lifecycle: Lifecycle
    security_floor: int
    configuration: bytes
    encoded: bytes

    @cached_property
    def sign1(self) -> Sign1:
        """The COSE_Sign1 that the statement is, parsed once. Raises as `parse_sign1` does."""
        return parse_sign1(self.encoded, f"statement {self.seq}")

    def signed_by(self, public_key: bytes) -> bool:
        """True when the chip's Ed25519 key signed this statement, by the strict rules of `signature.verify`."""
        return self.sign1.signed_by(public_key)

    @property
    def position(self) -> tuple[int, int]:
        """How far ingest had come: completed records, and words of the record in progress."""
        return self.records, self.words

    @property
    def forced(self) -> bool:
        """True when a descriptor was interrupted: then memory is not determined by the position."""
        return bool(self.cause & FORCED)

    def as_json(self) -> dict[str, object]:
        """Claim name to value, for people's tools: byte strings in hex, enumerations by name."""
        result: dict[str, object] = {}
        for claim in layout().claims:
            if claim.text is not None:
                result[claim.name] = claim.text
                continue
            value = getattr(self, claim.name)
            if isinstance(value, Kind | Cause | Lifecycle):
                value = value.name.lower().replace("_", "-")
            result[claim.name] = value.hex() if isinstance(value, bytes) else value
        return result


def parse(data: bytes, subject: str = "statement") -> Statement:
    """The statement that `data` is; its signature is not checked here.

    Raises FieldError with `subject` and the name of the first field that formats/statement.cddl does not allow:
    a claim's name, "payload", or a part of the COSE_Sign1.
    """
    try:
        sign1 = parse_sign1(data, subject)
    except FieldError as error:
        # A broken head in the payload shows as a length; the template knows which claim it is.
        if len(data) == layout().statement_bytes:
            _compare_with_template(data, subject)
        raise error
    if len(sign1.payload) == len(layout().payload):
        _compare_with_template(data, subject)
    try:
        claims = cbor.decode(sign1.payload)
    except cbor.CborError as error:
        raise FieldError(subject, "payload", "deterministic CBOR", str(error)) from error
    if not isinstance(claims, dict):
        raise FieldError(subject, "payload", "a map of claims", repr(claims)[:80])
    return Statement(encoded=bytes(data), **_values(claims, subject))


def _values(claims: dict[object, object], subject: str) -> dict[str, Any]:
    """Values of the claims by name, integers taken out of their big-endian byte strings."""
    values: dict[str, Any] = {}
    for claim in layout().claims:
        if claim.key not in claims:
            raise FieldError(subject, claim.name, f"claim {claim.key}", "none")
        value = claims[claim.key]
        if claim.text is not None:
            if value != claim.text:
                raise FieldError(subject, claim.name, repr(claim.text), repr(value)[:80])
        elif claim.enumerated:
            values[claim.name] = _enumerated(claim, value, subject)
        elif not isinstance(value, bytes) or len(value) != claim.size:
            found = f"{len(value)} bytes" if isinstance(value, bytes) else repr(value)[:80]
            raise FieldError(subject, claim.name, f"a byte string of {claim.size} bytes", found)
        elif claim.name in _BYTE_STRING_CLAIMS:
            values[claim.name] = value
        else:
            values[claim.name] = int.from_bytes(value, "big")
    known = {claim.key for claim in layout().claims}
    for key in claims:
        if key not in known:
            raise FieldError(subject, "payload", "only the claims of statement.cddl", f"claim {key!r}")
    return values


def _enumerated(claim: Claim, value: object, subject: str) -> Kind | Cause | Lifecycle:
    members: dict[int, Kind | Cause | Lifecycle] = {member.value: member for member in _ENUMERATIONS[claim.name]}
    if isinstance(value, int) and not isinstance(value, bool) and value in members:
        return members[value]
    names = ", ".join(f"{number} {member.name.lower()}" for number, member in members.items())
    raise FieldError(subject, claim.name, f"one of {names}", repr(value)[:80])


def _with_template_heads(data: bytes) -> bytes:
    """`data` with every byte that is not in a slot replaced by the template's."""
    shape = layout()
    start = len(shape.statement_prefix)
    result = bytearray(shape.statement_prefix + shape.payload + b"\x58\x40" + data[-64:])
    for claim in shape.claims:
        if claim.text is None:
            first, end = start + claim.offset, start + claim.offset + claim.size
            result[first:end] = data[first:end]
    return bytes(result)


def _compare_with_template(data: bytes, subject: str) -> None:
    """Raises FieldError for the first byte outside the slots that differs from the template.

    An enumeration's slot is a CBOR item of one byte, so what is none of those is refused here too.
    """
    template = _with_template_heads(data)
    if data == template:
        for claim in layout().claims:
            at = len(layout().statement_prefix) + claim.offset
            if claim.enumerated and data[at] >= 24:
                raise FieldError(subject, claim.name, "an unsigned integer below 24", f"byte {data[at]:#04x}")
        return
    at = next(index for index, pair in enumerate(zip(data, template, strict=True)) if pair[0] != pair[1])
    expected, found = f"byte {at} to be {template[at]:#04x}", f"{data[at]:#04x}"
    raise FieldError(subject, field_at(at), expected, found)


def field_at(at: int) -> str:
    """Name of the field that byte `at` of a well-formed statement belongs to, its head included."""
    shape = layout()
    at -= len(shape.statement_prefix)
    if at < 0:
        return "COSE_Sign1"
    if at >= len(shape.payload):
        return "signature"
    for claim in shape.claims:
        if at < claim.offset + (claim.size or len(claim.text or "")):
            return claim.name
    raise AssertionError("claims cover the payload")
