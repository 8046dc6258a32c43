"""A Verifier's approval that a chip may forget old statements: formats/approval.cddl."""

from dataclasses import dataclass

from formats.hashing import DIGEST_BYTES, Domain
from formats.statement import layout
from host.errors import FieldError
from sim.golden.keccak import turboshake128

from . import hash_signed
from .certificate import EAT_PROFILE, UEID
from .hash_signed import HashSigned, Sign
from .statement import Statement

PROFILE = "urn:livetrap:approval:v1"
SEQ, CHAIN = layout()["seq"].key, layout()["chain"].key
SEQ_BYTES = layout()["seq"].size
SUBJECT = "approval"


@dataclass(frozen=True)
class Approval:
    """seq, chain: of the first statement that the chip keeps, as it claims them. encoded: the whole COSE_Sign1."""

    ueid: bytes
    seq: int
    chain: bytes
    signed: HashSigned
    encoded: bytes

    @property
    def digest(self) -> bytes:
        """How the truncate statement names it: TurboSHAKE128(the COSE_Sign1, D=APPROVAL), 32 bytes."""
        return digest_of(self.encoded)


def digest_of(data: bytes) -> bytes:
    """As `Approval.digest`, of any bytes."""
    return turboshake128(data, Domain.APPROVAL)


def issue(keep_from: Statement, sign: Sign) -> Approval:
    """An approval to forget everything before a statement. Uses one one-time signature."""
    claims = {
        UEID: keep_from.ueid,
        EAT_PROFILE: PROFILE,
        SEQ: keep_from.seq.to_bytes(SEQ_BYTES, "big"),
        CHAIN: keep_from.chain,
    }
    return parse(hash_signed.make(claims, sign))


def parse(data: bytes, subject: str = SUBJECT) -> Approval:
    """The approval that `data` is, its signature unchecked. Raises FieldError for all but formats/approval.cddl."""
    signed, found = hash_signed.parse(data, subject, PROFILE, {SEQ: SEQ_BYTES, CHAIN: DIGEST_BYTES})
    return Approval(found[UEID], int.from_bytes(found[SEQ], "big"), found[CHAIN], signed, bytes(data))


def check(approval: Approval, key: bytes) -> None:
    """Raises FieldError unless this HSS key of 52 bytes signed the approval."""
    if not approval.signed.signed_by(key):
        raise FieldError(SUBJECT, "signature", f"one by the key {key.hex()}", "one that this key did not make")
