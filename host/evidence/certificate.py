"""The chip's certificate chain: formats/certificate.cddl, issued by maker and authorities, checked hop by hop."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from formats.hashing import DIGEST_BYTES
from formats.otp import Lifecycle
from host.errors import FieldError

from . import cbor
from .signature import COSE_SIGN1, Sign1, acceptable_key, parse_sign1, sig_structure, sign

PROFILE = "urn:livetrap:chip:certificate:v2"
AUTHORITY_PROFILE = "urn:livetrap:authority:certificate:v1"
UEID_BYTES = 17
UEID_RANDOM = 0x01
"""Type byte of a UEID that is a random number (RFC 9711 4.2.1)."""

MAX_AUTHORITIES = 2
MAX_NAME_BYTES = 64
CERTIFIABLE = (Lifecycle.DEVELOPMENT, Lifecycle.PRODUCTION)

SUB, CONFIRMATION, UEID, EAT_PROFILE, LIFECYCLE, CONFIGURATION = 2, 8, 256, 265, -65555, -65557
COSE_KEY = 1
KEY_TYPE, CURVE, X = 1, -1, -2
OKP, ED25519 = 1, 6

SUBJECT = "certificate"
GOOD_KEY = "a canonical Ed25519 point of prime order"


@dataclass(frozen=True)
class Certificate:
    """What the maker says of a chip.

    ueid: 17 bytes. public_key: 32 bytes. lifecycle: when it was issued. configuration: the 32-byte digest.
    encoded: the whole COSE_Sign1.
    """

    ueid: bytes
    public_key: bytes
    lifecycle: Lifecycle
    configuration: bytes
    encoded: bytes


@dataclass(frozen=True)
class Authority:
    """Whom the maker lets certify chips. encoded: the whole COSE_Sign1."""

    name: str
    public_key: bytes
    encoded: bytes


@dataclass(frozen=True)
class Chain:
    """A chip's certificate, and those of the authorities between it and the root, the chip's issuer first."""

    chip: Certificate
    authorities: tuple[Authority, ...]

    @property
    def encoded(self) -> bytes:
        """The one CBOR array that chip and evidence folder keep."""
        return encode_array([self.chip.encoded, *(authority.encoded for authority in self.authorities)])

    def as_json(self) -> dict[str, object]:
        """Claim name to value, for people's tools: byte strings in hex."""
        chip = self.chip
        return {
            "eat_profile": PROFILE,
            "ueid": chip.ueid.hex(),
            "key": chip.public_key.hex(),
            "lifecycle": chip.lifecycle.name.lower(),
            "configuration": chip.configuration.hex(),
            "authorities": [{"name": each.name, "key": each.public_key.hex()} for each in self.authorities],
        }


def chip_claims(ueid: bytes, public_key: bytes, lifecycle: int, configuration: bytes) -> dict[int, object]:
    """The chip-claims of formats/certificate.cddl."""
    return {
        CONFIRMATION: _cose_key(public_key),
        UEID: ueid,
        EAT_PROFILE: PROFILE,
        LIFECYCLE: int(lifecycle),
        CONFIGURATION: configuration,
    }


def authority_claims(name: str, public_key: bytes) -> dict[int, object]:
    """The authority-claims of formats/certificate.cddl."""
    return {SUB: name, CONFIRMATION: _cose_key(public_key), EAT_PROFILE: AUTHORITY_PROFILE}


def issue(
    issuer_seed: bytes, ueid: bytes, public_key: bytes, lifecycle: Lifecycle, configuration: bytes
) -> Certificate:
    """A certificate for the chip `ueid` with `public_key`, signed by the issuer's Ed25519 seed.

    configuration: the 32-byte digest. The caller has seen the chip sign these values with that key. Raises FieldError
    for values that `parse_chain` would refuse.
    """
    return _chip(_signed(issuer_seed, chip_claims(ueid, public_key, lifecycle, configuration)), SUBJECT)


def issue_authority(issuer_seed: bytes, name: str, public_key: bytes) -> Authority:
    """A certificate that lets the holder of `public_key` sign what stands before it in a chain.

    Raises FieldError for values that `parse_authorities` would refuse.
    """
    subject = "authority"
    return _authority(_signed(issuer_seed, authority_claims(_name(name, subject), public_key)), subject)


def encode_array(certificates: Sequence[bytes]) -> bytes:
    """The CBOR array of whole COSE_Sign1."""
    return cbor.encode([cbor.decode(certificate, {COSE_SIGN1}) for certificate in certificates])


def parse_chain(data: bytes) -> Chain:
    """The chain that `data` is; signatures are checked by `check_chain`.

    Raises FieldError that names the first field not as formats/certificate.cddl says. Subjects are "certificate" for
    the chip's and for the array, "authority 1" for its issuer and "authority 2" for that one's.
    """
    first, *rest = _array(data, 1, 1 + MAX_AUTHORITIES)
    authorities = (_authority(each, f"authority {at}") for at, each in enumerate(rest, 1))
    return Chain(_chip(first, SUBJECT), tuple(authorities))


def parse_authorities(data: bytes) -> tuple[Authority, ...]:
    """One or two authorities as an array of their certificates alone, as `livetrap maker delegate` writes it.

    Each but the last must be signed by the next. Raises FieldError as `parse_chain` and `check_chain` do.
    """
    found = tuple(_authority(each, f"authority {at}") for at, each in enumerate(_array(data, 1, MAX_AUTHORITIES), 1))
    for at, (certificate, issuer) in enumerate(pairwise(found), 1):
        _check_hop(certificate.encoded, issuer.public_key, f"authority {at}")
    return found


def check_chain(chain: Chain, root_key: bytes) -> None:
    """Raises FieldError unless each certificate is signed by the key of the next, and the last by the root's.

    All keys are proper ones and no two are the same: no certificate vouches for its own issuer, or for itself.
    """
    if not acceptable_key(root_key):
        raise FieldError("maker", "key", GOOD_KEY, root_key.hex())
    issuers = [*(authority.public_key for authority in chain.authorities), root_key]
    hops: list[Certificate | Authority] = [chain.chip, *chain.authorities]
    seen: set[bytes] = {root_key}
    for at, (certificate, issuer) in enumerate(zip(hops, issuers, strict=True)):
        subject = f"authority {at}" if at else SUBJECT
        if certificate.public_key in seen:
            raise FieldError(subject, "cnf", "a key that stands once in the chain", certificate.public_key.hex())
        seen.add(certificate.public_key)
        _check_hop(certificate.encoded, issuer, subject)


def _check_hop(encoded: bytes, issuer: bytes, subject: str) -> None:
    if not parse_sign1(encoded, subject).signed_by(issuer):
        expected = f"one by the issuer's key {issuer.hex()}"
        raise FieldError(subject, "signature", expected, "one that this key did not make")


def _signed(seed: bytes, claims: dict[int, object]) -> bytes:
    payload = cbor.encode(claims)
    return Sign1(payload, sign(seed, sig_structure(payload))).encode()


def _cose_key(public_key: bytes) -> dict[int, object]:
    return {COSE_KEY: {KEY_TYPE: OKP, CURVE: ED25519, X: public_key}}


def _array(data: bytes, least: int, most: int) -> list[bytes]:
    try:
        found = cbor.decode(data, {COSE_SIGN1})
    except cbor.CborError as error:
        raise FieldError(SUBJECT, "chain", "deterministic CBOR", str(error)) from error
    if not isinstance(found, list) or not least <= len(found) <= most:
        shown = f"an array of {len(found)}" if isinstance(found, list) else type(found).__name__
        raise FieldError(SUBJECT, "chain", f"an array of {least} to {most} certificates", shown)
    return [cbor.encode(each) for each in found]


def _chip(encoded: bytes, subject: str) -> Certificate:
    found = _claims(encoded, subject, PROFILE, (CONFIRMATION, UEID, EAT_PROFILE, LIFECYCLE, CONFIGURATION))
    ueid, lifecycle, configuration = found[UEID], found[LIFECYCLE], found[CONFIGURATION]
    if not isinstance(ueid, bytes) or len(ueid) != UEID_BYTES or ueid[0] != UEID_RANDOM:
        expected = f"{UEID_BYTES} bytes that begin with {UEID_RANDOM:#04x}"
        raise FieldError(subject, "ueid", expected, _shown(ueid))
    if not isinstance(lifecycle, int) or isinstance(lifecycle, bool) or lifecycle not in CERTIFIABLE:
        expected = " or ".join(f"{int(state)} ({state.name.lower()})" for state in CERTIFIABLE)
        raise FieldError(subject, "lifecycle", expected, _shown(lifecycle))
    if not isinstance(configuration, bytes) or len(configuration) != DIGEST_BYTES:
        raise FieldError(subject, "configuration", f"{DIGEST_BYTES} bytes", _shown(configuration))
    return Certificate(ueid, _public_key(found[CONFIRMATION], subject), Lifecycle(lifecycle), configuration, encoded)


def _authority(encoded: bytes, subject: str) -> Authority:
    found = _claims(encoded, subject, AUTHORITY_PROFILE, (SUB, CONFIRMATION, EAT_PROFILE))
    name = _name(found[SUB], subject)
    return Authority(name, _public_key(found[CONFIRMATION], subject), encoded)


def _name(name: object, subject: str) -> str:
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
        raise FieldError(subject, "sub", f"1 to {MAX_NAME_BYTES} bytes of printable text", _shown(name))
    return name


def _claims(encoded: bytes, subject: str, profile: str, keys: Sequence[int]) -> dict[int, object]:
    """The claims of a certificate of this profile, which are just these."""
    payload = parse_sign1(encoded, subject).payload
    try:
        found = cbor.decode(payload)
    except cbor.CborError as error:
        raise FieldError(subject, "payload", "deterministic CBOR", str(error)) from error
    if not isinstance(found, dict):
        raise FieldError(subject, "payload", "a map of claims", _shown(found))
    if found.get(EAT_PROFILE) != profile:
        raise FieldError(subject, "eat_profile", repr(profile), _shown(found.get(EAT_PROFILE)))
    if set(found) != set(keys):
        expected = f"a map of the claims {', '.join(map(str, keys))}"
        raise FieldError(subject, "payload", expected, repr(sorted(found, key=repr))[:80])
    return found


def _public_key(confirmation: object, subject: str) -> bytes:
    key = confirmation.get(COSE_KEY) if isinstance(confirmation, dict) else None
    public_key = key.get(X) if isinstance(key, dict) else None
    if not isinstance(public_key, bytes) or cbor.encode(confirmation) != cbor.encode(_cose_key(public_key)):
        expected = f"{{1: {{1: {OKP}, -1: {ED25519}, -2: 32 bytes}}}}, an Ed25519 COSE_Key"
        raise FieldError(subject, "cnf", expected, repr(confirmation)[:120])
    if not acceptable_key(public_key):
        raise FieldError(subject, "cnf", GOOD_KEY, public_key.hex())
    return public_key


def _shown(value: object) -> str:
    return value.hex()[:80] if isinstance(value, bytes) else repr(value)[:80]
