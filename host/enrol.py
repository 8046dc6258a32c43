"""How the maker certifies a chip: it must first sign with the key that the certificate will name."""

import secrets

from formats.hashing import DIGEST_BYTES
from formats.statement import Kind
from host.device import Device
from host.errors import FieldError
from host.evidence import certificate, statement
from host.evidence.certificate import Certificate
from host.evidence.signature import public_key


def certify(device: Device, maker_seed: bytes) -> Certificate:
    """Checks that the chip holds its key, issues its certificate, and has the chip keep it.

    The chip attests a fresh nonce; the statement's form, ueid, nonce and signature must fit what the chip says of
    itself. Raises FieldError when they do not, ChipRefusal when the chip has a certificate already.
    """
    info = device.info()
    nonce = secrets.token_bytes(DIGEST_BYTES)
    seq = device.attest(nonce)
    subject = f"statement {seq}"
    head = statement.parse(device.statement(seq), subject)
    if head.kind is not Kind.HEAD:
        raise FieldError(subject, "kind", "head", head.kind.name.lower())
    if head.nonce != nonce:
        raise FieldError(subject, "nonce", nonce.hex(), head.nonce.hex())
    if head.ueid != info.ueid:
        raise FieldError(subject, "ueid", info.ueid.hex(), head.ueid.hex())
    if not head.signed_by(info.key):
        raise FieldError(subject, "signature", f"one by the chip's key {info.key.hex()}", "another")
    issued = certificate.issue(maker_seed, info.ueid, info.key)
    device.put_certificate(issued)
    parsed = certificate.parse(issued)
    certificate.check(parsed, public_key(maker_seed))
    return parsed
