"""COSE_Sign1 under HSS keys (RFC 8778): receipts and approvals, which differ in their profile and claims alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from formats.lms import COSE_ALGORITHM, HASH_BYTES, MAX_HSS_SIGNATURE_BYTES
from host.errors import FieldError
from sim.golden.lms import verify_hss

from . import cbor
from .certificate import EAT_PROFILE, UEID, UEID_BYTES, UEID_RANDOM
from .signature import COSE_SIGN1

PROTECTED = cbor.encode({1: COSE_ALGORITHM})
MAX_BYTES = MAX_HSS_SIGNATURE_BYTES + 512

Sign = Callable[[bytes], bytes]
"""Makes an HSS signature (RFC 8554 6.2) over a message, and never uses a one-time key twice."""


@dataclass(frozen=True)
class HashSigned:
    """payload: the deterministic CBOR of the claims. signature: HSS, over `signed_bytes`."""

    payload: bytes
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """The Sig_structure (RFC 9052 4.4) with the algorithm HSS-LMS and no external data."""
        return sig_structure(self.payload)

    def encode(self) -> bytes:
        """The tagged COSE_Sign1 in its one deterministic encoding."""
        return cbor.encode(cbor.Tag(COSE_SIGN1, [PROTECTED, {}, self.payload, self.signature]))

    def signed_by(self, key: bytes) -> bool:
        """True when this HSS public key of formats/lms.py's parameter set signed the payload."""
        return verify_hss(key, self.signed_bytes, self.signature)


def sig_structure(payload: bytes) -> bytes:
    """What is signed (RFC 9052 4.4)."""
    return cbor.encode(["Signature1", PROTECTED, b"", payload])


def make(claims: Mapping[int, object], sign: Sign) -> bytes:
    """A COSE_Sign1 over these claims."""
    payload = cbor.encode(claims)
    return HashSigned(payload, sign(sig_structure(payload))).encode()


def parse(data: bytes, subject: str, profile: str, sizes: Mapping[int, int]) -> tuple[HashSigned, dict[int, bytes]]:
    """The COSE_Sign1 that `data` is, and its claims: ueid, the profile, and byte strings of these sizes.

    sizes: claim to bytes, beside the ueid. The signature is checked by `signed_by`. Raises FieldError for `subject`.
    """
    if len(data) > MAX_BYTES:
        raise FieldError(subject, "COSE_Sign1", f"at most {MAX_BYTES} bytes", str(len(data)))
    try:
        value = cbor.decode(data, {COSE_SIGN1})
    except cbor.CborError as error:
        raise FieldError(subject, "COSE_Sign1", "deterministic CBOR", str(error)) from error
    parts = value.value if isinstance(value, cbor.Tag) else None
    if not isinstance(parts, list) or len(parts) != 4:
        raise FieldError(subject, "COSE_Sign1", "tag 18 and an array of 4", repr(value)[:80])
    protected, unprotected, payload, signature = parts
    if protected != PROTECTED:
        raise FieldError(subject, "protected header", PROTECTED.hex(), repr(protected)[:80])
    if unprotected != {}:
        raise FieldError(subject, "unprotected header", "an empty map", repr(unprotected)[:80])
    if not isinstance(payload, bytes):
        raise FieldError(subject, "payload", "a byte string", repr(payload)[:80])
    if not isinstance(signature, bytes) or len(signature) < HASH_BYTES:
        raise FieldError(subject, "signature", "a byte string with an HSS signature", repr(signature)[:80])
    return HashSigned(payload, signature), _claims(payload, subject, profile, {UEID: UEID_BYTES, **sizes})


def _claims(payload: bytes, subject: str, profile: str, sizes: Mapping[int, int]) -> dict[int, bytes]:
    try:
        found = cbor.decode(payload)
    except cbor.CborError as error:
        raise FieldError(subject, "payload", "deterministic CBOR", str(error)) from error
    if not isinstance(found, dict) or set(found) != {EAT_PROFILE, *sizes}:
        keys = sorted(found, key=repr) if isinstance(found, dict) else found
        expected = f"a map of the claims {', '.join(map(str, sorted([EAT_PROFILE, *sizes])))}"
        raise FieldError(subject, "payload", expected, repr(keys)[:80])
    if found.pop(EAT_PROFILE) != profile:
        raise FieldError(subject, "eat_profile", repr(profile), "another")
    for key, size in sizes.items():
        value = found[key]
        if not isinstance(value, bytes) or len(value) != size:
            raise FieldError(subject, f"claim {key}", f"a byte string of {size} bytes", repr(value)[:80])
    if found[UEID][0] != UEID_RANDOM:
        raise FieldError(subject, "ueid", f"one that begins with {UEID_RANDOM:#04x}", found[UEID].hex())
    return found
