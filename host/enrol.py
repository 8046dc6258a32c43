"""How the maker certifies a chip: it must first sign with the key that the certificate will name."""

import secrets
from collections.abc import Sequence

from formats.hashing import DIGEST_BYTES
from formats.otp import Lifecycle
from formats.statement import Kind
from host.device import Device
from host.errors import FieldError
from host.evidence import certificate, statement
from host.evidence.certificate import Authority, Chain
from host.evidence.signature import public_key


def certify(device: Device, issuer_seed: bytes, authorities: Sequence[Authority] = ()) -> Chain:
    """Checks that the chip holds its key, issues its certificate, and has the chip keep the chain.

    The chip attests a fresh nonce; the statement's form, ueid, nonce and signature must fit what the chip says of
    itself. Lifecycle and configuration are those of the statement. authorities: from the issuer on, when it is not
    the root. Raises FieldError when something does not fit, ChipRefusal when the chip has a certificate already.
    """
    issuer = public_key(issuer_seed)
    if authorities and authorities[0].public_key != issuer:
        raise FieldError("authority 1", "cnf", f"the issuer's key {issuer.hex()}", authorities[0].public_key.hex())
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
    issued = certificate.issue(issuer_seed, info.ueid, info.key, Lifecycle(head.lifecycle), head.configuration)
    chain = Chain(issued, tuple(authorities))
    if not authorities:
        certificate.check_chain(chain, issuer)
    device.put_certificate(chain.encoded)
    return chain
