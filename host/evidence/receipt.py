"""A log server's receipt for a snapshot statement: formats/receipt.cddl."""

from dataclasses import dataclass

from formats.hashing import DIGEST_BYTES, Domain
from formats.statement import layout
from host.errors import FieldError
from sim.golden.keccak import turboshake128

from . import hash_signed
from .certificate import EAT_PROFILE, UEID
from .hash_signed import HashSigned, Sign
from .statement import Statement

PROFILE = "urn:livetrap:receipt:v1"
SEQ, DIGEST = layout()["seq"].key, layout()["digest"].key
SEQ_BYTES = layout()["seq"].size
SUBJECT = "receipt"


@dataclass(frozen=True)
class Receipt:
    """seq and digest: of the statement. ueid: of the chip. signed: with the signature to check."""

    ueid: bytes
    seq: int
    digest: bytes
    signed: HashSigned


def digest_of(statement: bytes) -> bytes:
    """What a receipt says of a COSE_Sign1: TurboSHAKE128(it, D=CHAIN), 32 bytes."""
    return turboshake128(statement, Domain.CHAIN)


def issue(statement: Statement, sign: Sign) -> bytes:
    """The receipt for a statement that is stored durably. Uses one one-time signature."""
    return hash_signed.make(
        {
            UEID: statement.ueid,
            EAT_PROFILE: PROFILE,
            SEQ: statement.seq.to_bytes(SEQ_BYTES, "big"),
            DIGEST: digest_of(statement.encoded),
        },
        sign,
    )


def parse(data: bytes, subject: str = SUBJECT) -> Receipt:
    """The receipt that `data` is, its signature unchecked. Raises FieldError for all but formats/receipt.cddl."""
    signed, found = hash_signed.parse(data, subject, PROFILE, {SEQ: SEQ_BYTES, DIGEST: DIGEST_BYTES})
    return Receipt(found[UEID], int.from_bytes(found[SEQ], "big"), found[DIGEST], signed)


def check(receipt: Receipt, statement: Statement, key: bytes) -> None:
    """Raises FieldError unless the receipt is for this statement, and signed by this HSS key of 52 bytes."""
    if receipt.ueid != statement.ueid:
        raise FieldError(SUBJECT, "ueid", statement.ueid.hex(), receipt.ueid.hex())
    if receipt.seq != statement.seq:
        raise FieldError(SUBJECT, "seq", str(statement.seq), str(receipt.seq))
    if receipt.digest != digest_of(statement.encoded):
        raise FieldError(SUBJECT, "digest", digest_of(statement.encoded).hex(), receipt.digest.hex())
    if not receipt.signed.signed_by(key):
        raise FieldError(SUBJECT, "signature", f"one by the key {key.hex()}", "one that this key did not make")
