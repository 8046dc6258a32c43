"""How a Verifier lets a chip forget old statements: only what the folder has, verified, and approved under a key."""

from host.device import Device
from host.errors import EvidenceError, FieldError
from host.evidence import approval as approvals
from host.evidence import statement as statements
from host.evidence.approval import Approval
from host.evidence.folder import Evidence, EvidenceFolder
from host.evidence.hash_signed import Sign
from host.evidence.statement import Statement
from host.verify import Report, Verdict, verify
from host.verify.continuity import CHAIN, SEQ
from host.verify.identity import CERTIFICATE, FORM, SIGNATURE
from host.verify.rules import RULES

NEEDED = (CERTIFICATE, FORM, SIGNATURE, RULES, SEQ, CHAIN)
"""Checks that must all be verified. Roots may be left unchecked: pages of old snapshots are gone anyway."""


def check_folder(evidence: Evidence, maker_key: bytes) -> Report:
    """The report on a folder of which a chip may forget. Raises FieldError with what stands against that."""
    report = verify(evidence, maker_key)
    for check in report.checks:
        bad = check.verdict is Verdict.REJECTED or (check.name in NEEDED and check.verdict is not Verdict.VERIFIED)
        if bad:
            raise FieldError(check.name, check.field or "verdict", check.expected or "verified", check.line)
    return report


def kept_from(evidence: Evidence, seq: int | None) -> Statement:
    """The first statement that the chip keeps: `seq`, or else the last that the folder has."""
    last = max(evidence.statements)
    chosen = last if seq is None else seq
    if chosen not in evidence.statements:
        raise EvidenceError(f"the folder has no statement {chosen}: it has those up to {last}")
    return statements.parse(evidence.statements[chosen], f"statement {chosen}")


def approve(folder: EvidenceFolder, evidence: Evidence, keep_from: Statement, key: bytes, sign: Sign) -> Approval:
    """The approval, which is in the folder before anybody has it.

    One that is there already for this statement, under the same key, is used again rather than a second one-time
    signature. key: the HSS public key that goes with `sign`. Raises EvidenceError when the folder cannot be written.
    """
    for data in evidence.approvals:
        try:
            found = approvals.parse(data)
            if (found.ueid, found.seq, found.chain) == (keep_from.ueid, keep_from.seq, keep_from.chain):
                approvals.check(found, key)
                return found
        except FieldError:
            continue
    made = approvals.issue(keep_from, sign)
    with folder.writing():
        folder.put_approval(made.digest, made.encoded)
    return made


def truncate(device: Device, folder: EvidenceFolder, keep_from: Statement, approval: Approval) -> int | None:
    """Hands the approval to the chip. Returns the seq of the truncate statement, None if nothing was left to forget.

    Raises Fork when the chip has another statement where it is to keep from, EvidenceError for another chip.
    """
    info = device.info()
    if info.ueid != folder.ueid:
        raise EvidenceError(f"{folder.path} is the evidence of chip {folder.ueid.hex()}, not of {info.ueid.hex()}")
    if info.first >= keep_from.seq:
        return None
    with folder.writing():
        folder.put_statement(keep_from.seq, device.statement(keep_from.seq))
    return device.truncate(approval.encoded)
