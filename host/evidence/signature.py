"""Ed25519 signatures and COSE_Sign1, accepted only in their strict forms."""

from dataclasses import dataclass
from functools import lru_cache

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from formats.statement import PROTECTED, SIGNATURE_BYTES
from host.errors import FieldError
from sim.golden import ed25519

from . import cbor

COSE_SIGN1 = 18
"""CBOR tag of COSE_Sign1 (RFC 9052 4.2)."""

ALGORITHM = {1: -8}
"""The protected header that every signature here has: EdDSA (RFC 9053 2.2)."""


@lru_cache(maxsize=64)
def acceptable_key(public_key: bytes) -> bool:
    """True for a canonical encoding of a point of prime order: the only keys that are believed."""
    return len(public_key) == ed25519.PUBLIC_KEY_BYTES and ed25519.check_public_key(public_key)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032 5.1.7, strict: S below the group order, R canonical and not of small order, an acceptable key."""
    if len(signature) != SIGNATURE_BYTES or not acceptable_key(public_key):
        return False
    if int.from_bytes(signature[32:], "little") >= ed25519.ORDER:
        return False
    commitment = ed25519.decode_point(signature[:32])
    if commitment is None or commitment.is_small_order():
        return False
    try:
        eddsa.new(eddsa.import_public_key(public_key), "rfc8032").verify(message, signature)
    except ValueError:
        return False
    return True


def sign(seed: bytes, message: bytes) -> bytes:
    """RFC 8032 5.1.6 under a 32-byte seed, by the compiled library: fit for keys that matter."""
    key = ECC.construct(curve="Ed25519", seed=seed)
    return bytes(eddsa.new(key, "rfc8032").sign(message))


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed."""
    return bytes(ECC.construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw"))


def sig_structure(payload: bytes) -> bytes:
    """What a COSE_Sign1's signature is over (RFC 9052 4.4), with the algorithm above and no external data."""
    return cbor.encode(["Signature1", PROTECTED, b"", payload])


@dataclass(frozen=True)
class Sign1:
    """A COSE_Sign1 with the EdDSA header and nothing unprotected."""

    payload: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The tagged COSE_Sign1 in its one deterministic encoding."""
        return cbor.encode(cbor.Tag(COSE_SIGN1, [PROTECTED, {}, self.payload, self.signature]))

    def signed_by(self, key: bytes) -> bool:
        """True when this 32-byte Ed25519 key signed the payload, by the strict rules of `verify`."""
        return verify(key, sig_structure(self.payload), self.signature)


def parse_sign1(data: bytes, subject: str) -> Sign1:
    """The COSE_Sign1 that `data` is.

    Raises FieldError, naming the part of `subject` that is not as RFC 9052 4.2 and `Sign1` say.
    """
    try:
        value = cbor.decode(data, {COSE_SIGN1})
    except cbor.CborError as error:
        raise FieldError(subject, "COSE_Sign1", "deterministic CBOR", str(error)) from error
    if not isinstance(value, cbor.Tag) or value.tag != COSE_SIGN1:
        raise FieldError(subject, "COSE_Sign1", "CBOR tag 18", f"first byte {data[0]:#04x}")
    parts = value.value
    if not isinstance(parts, list) or len(parts) != 4:
        raise FieldError(subject, "COSE_Sign1", "an array of 4", _kind(parts))
    protected, unprotected, payload, signature = parts
    if protected != PROTECTED:
        raise FieldError(subject, "protected header", PROTECTED.hex(), _kind(protected))
    if unprotected != {}:
        raise FieldError(subject, "unprotected header", "an empty map", _kind(unprotected))
    if not isinstance(payload, bytes):
        raise FieldError(subject, "payload", "a byte string", _kind(payload))
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise FieldError(subject, "signature", f"{SIGNATURE_BYTES} bytes", _kind(signature))
    return Sign1(payload, signature)


def _kind(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes {value[:32].hex()}"
    if isinstance(value, list | dict):
        return f"{'an array' if isinstance(value, list) else 'a map'} of {len(value)}"
    return repr(value)
