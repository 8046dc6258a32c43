"""Who signed: the certificate chain from the maker's key, each statement's form, its signature by the chip's key."""

from collections.abc import Iterator

from host.errors import FieldError
from host.evidence import certificate as certificates
from host.evidence import statement as statements
from host.evidence.certificate import Certificate
from host.evidence.folder import Evidence
from host.evidence.statement import Statement

from .case import Case, name_of
from .report import Check, rejected, unchecked, verified

CERTIFICATE, FORM, SIGNATURE, FORK = "certificate", "form", "signature", "fork"


def check_certificate(evidence: Evidence, maker_key: bytes) -> tuple[Certificate | None, Check]:
    """The certificate, if its chain leads from the maker's key to this chip, and the check."""
    if evidence.certificate is None:
        return None, unchecked(CERTIFICATE, "the evidence has no certificate of the chip")
    try:
        chain = certificates.parse_chain(evidence.certificate)
        certificates.check_chain(chain, maker_key)
        found = chain.chip
        if found.ueid != evidence.ueid:
            raise FieldError("certificate", "ueid", f"the folder's, {evidence.ueid.hex()}", found.ueid.hex())
    except FieldError as error:
        return None, rejected(CERTIFICATE, error)
    through = "".join(f", through {authority.name!r}" for authority in reversed(chain.authorities))
    return found, verified(CERTIFICATE, f"the maker's key vouches{through} for chip {found.ueid.hex()}")


def check_forms(evidence: Evidence) -> tuple[dict[int, Statement], list[Check]]:
    """The statements that have the form of formats/statement.cddl, by the seq of their place, and the checks."""
    parsed, checks = {}, []
    for seq, data in sorted(evidence.statements.items()):
        try:
            found = statements.parse(data, name_of(seq))
            if found.seq != seq:
                raise FieldError(name_of(seq), "seq", f"{seq}, as its place in the evidence", str(found.seq))
        except FieldError as error:
            checks.append(rejected(FORM, error, seq))
            continue
        parsed[seq] = found
        checks.append(verified(FORM, "every claim is as statement.cddl says", seq))
    if not evidence.statements:
        checks.append(unchecked(FORM, "the evidence has no statements"))
    return parsed, checks


def check_signatures(
    statements: dict[int, Statement], certificate: Certificate | None
) -> tuple[frozenset[int], list[Check]]:
    """The seqs of the statements that the certified key signed, and the checks."""
    signed, checks = set(), []
    for seq, statement in sorted(statements.items()):
        if certificate is None:
            checks.append(unchecked(SIGNATURE, "without a certificate by the maker, no key is known", seq))
        elif statement.signed_by(certificate.public_key):
            signed.add(seq)
            checks.append(verified(SIGNATURE, "signed by the chip's key", seq))
        else:
            expected = f"one by the chip's key {certificate.public_key.hex()} over these claims"
            error = FieldError(name_of(seq), "signature", expected, "one that this key did not make over them")
            checks.append(rejected(SIGNATURE, error, seq))
    return frozenset(signed), checks


def check_forks(case: Case) -> Iterator[Check]:
    """A second statement under one seq proves a fork when the chip's key signed it too."""
    for seq, data in case.evidence.forks:
        try:
            second = statements.parse(data, name_of(seq))
        except FieldError:
            continue
        signed = case.certificate is not None and second.signed_by(case.certificate.public_key)
        if signed and second.seq == seq and data != case.evidence.statements.get(seq):
            error = FieldError(name_of(seq), "seq", "one statement", "two that the chip's key signed (fork)")
            yield rejected(FORK, error, seq)
