"""The chip's certificate: formats/certificate.cddl, issued by the maker and checked by the Verifier."""

from dataclasses import dataclass

from host.errors import FieldError

from . import cbor
from .signature import Sign1, acceptable_key, parse_sign1, sig_structure, sign

PROFILE = "urn:livetrap:chip:certificate:v1"
UEID_BYTES = 17
UEID_RANDOM = 0x01
"""Type byte of a UEID that is a random number (RFC 9711 4.2.1)."""

CONFIRMATION, UEID, EAT_PROFILE = 8, 256, 265
COSE_KEY = 1
KEY_TYPE, CURVE, X = 1, -1, -2
OKP, ED25519 = 1, 6

SUBJECT = "certificate"


@dataclass(frozen=True)
class Certificate:
    """What the maker says of a chip. encoded: the whole COSE_Sign1."""

    ueid: bytes
    public_key: bytes
    encoded: bytes

    def as_json(self) -> dict[str, object]:
        """Claim name to value, for people's tools: byte strings in hex."""
        return {"eat_profile": PROFILE, "ueid": self.ueid.hex(), "key": self.public_key.hex()}


def claims(ueid: bytes, public_key: bytes) -> dict[int, object]:
    """The chip-claims of formats/certificate.cddl."""
    key = {KEY_TYPE: OKP, CURVE: ED25519, X: public_key}
    return {CONFIRMATION: {COSE_KEY: key}, UEID: ueid, EAT_PROFILE: PROFILE}


def issue(maker_seed: bytes, ueid: bytes, public_key: bytes) -> bytes:
    """A certificate for the chip `ueid` with `public_key`, signed by the maker's Ed25519 seed.

    The caller has seen the chip sign with that key. Raises FieldError for values that `parse` would refuse.
    """
    payload = cbor.encode(claims(ueid, public_key))
    _values(payload, SUBJECT)
    return Sign1(payload, sign(maker_seed, sig_structure(payload))).encode()


def parse(data: bytes, subject: str = SUBJECT) -> Certificate:
    """The certificate that `data` is; the maker's signature is checked by `check`.

    Raises FieldError that names the first field not as formats/certificate.cddl says.
    """
    ueid, public_key = _values(parse_sign1(data, subject).payload, subject)
    return Certificate(ueid, public_key, bytes(data))


def check(certificate: Certificate, maker_key: bytes, subject: str = SUBJECT) -> None:
    """Raises FieldError unless the maker's key is a proper one and signed the certificate."""
    if not acceptable_key(maker_key):
        raise FieldError("maker", "key", "a canonical Ed25519 point of prime order", maker_key.hex())
    if not parse_sign1(certificate.encoded, subject).signed_by(maker_key):
        expected = f"one by the maker's key {maker_key.hex()}"
        raise FieldError(subject, "signature", expected, "one that this key did not make")


def _values(payload: bytes, subject: str) -> tuple[bytes, bytes]:
    """(ueid, public key). Raises FieldError as `parse` does."""
    try:
        found = cbor.decode(payload)
    except cbor.CborError as error:
        raise FieldError(subject, "payload", "deterministic CBOR", str(error)) from error
    if not isinstance(found, dict) or set(found) != {CONFIRMATION, UEID, EAT_PROFILE}:
        keys = sorted(found, key=repr) if isinstance(found, dict) else found
        raise FieldError(subject, "payload", "a map of the claims 8, 256 and 265", repr(keys)[:80])
    if found[EAT_PROFILE] != PROFILE:
        raise FieldError(subject, "eat_profile", repr(PROFILE), repr(found[EAT_PROFILE])[:80])
    ueid = found[UEID]
    if not isinstance(ueid, bytes) or len(ueid) != UEID_BYTES or ueid[0] != UEID_RANDOM:
        expected = f"{UEID_BYTES} bytes that begin with {UEID_RANDOM:#04x}"
        raise FieldError(subject, "ueid", expected, ueid.hex() if isinstance(ueid, bytes) else repr(ueid)[:80])
    confirmation = found[CONFIRMATION]
    key = confirmation.get(COSE_KEY) if isinstance(confirmation, dict) else None
    public_key = key.get(X) if isinstance(key, dict) else None
    if not isinstance(public_key, bytes) or payload != cbor.encode(claims(ueid, public_key)):
        expected = f"{{1: {{1: {OKP}, -1: {ED25519}, -2: 32 bytes}}}}, an Ed25519 COSE_Key"
        raise FieldError(subject, "cnf", expected, repr(confirmation)[:120])
    if not acceptable_key(public_key):
        raise FieldError(subject, "cnf", "a canonical Ed25519 point of prime order", public_key.hex())
    return ueid, public_key
