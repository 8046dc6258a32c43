"""What the log's keepers left in it: truncations that a Verifier approved, and errors that were noted as events."""

from collections.abc import Iterator

from formats.configuration import NO_KEY, Configuration
from formats.hashing import Domain
from formats.statement import Kind
from host.errors import FieldError
from host.evidence import approval as approvals
from host.evidence.approval import Approval
from host.evidence.statement import ZEROS, Statement
from host.life_answers import Event
from sim.golden.keccak import turboshake128

from .case import Case, name_of
from .report import Check, not_asked, rejected, unchecked, verified

CONFIGURATION, TRUNCATION, ERROR = "configuration", "truncation", "error"


def check_configuration(case: Case) -> tuple[Configuration | None, list[Check]]:
    """The chip's configuration, if it is in the evidence and the one whose digest every statement signs."""
    data = case.evidence.configuration
    if data is None:
        return None, [not_asked(CONFIGURATION, "the chip's configuration is not in the evidence")]
    try:
        configuration = Configuration.decode(data)
    except ValueError as error:
        return None, [rejected(CONFIGURATION, FieldError("configuration", "file", "a configuration", str(error)))]
    digest = turboshake128(data, Domain.CONFIGURATION)
    for seq, statement in case.in_order:
        if statement.configuration != digest:
            expected = f"{digest.hex()}, of the evidence's configuration"
            found = FieldError(name_of(seq), "configuration", expected, statement.configuration.hex())
            return None, [rejected(CONFIGURATION, found, seq)]
    reason = f"its digest is in every statement; the log mode is {configuration.log_mode.name.lower()}"
    return configuration, [verified(CONFIGURATION, reason)]


def check_truncations(case: Case, configuration: Configuration | None) -> Iterator[Check]:
    """Each truncate statement names an approval; when that is in the evidence, the Verifier's key signed it."""
    known = {approvals.digest_of(data): data for data in case.evidence.approvals}
    for seq, statement in case.in_order:
        if statement.kind is not Kind.TRUNCATE:
            continue
        try:
            if statement.digest == ZEROS:
                raise FieldError(name_of(seq), "digest", "an approval's", "zeros")
            if statement.digest not in known:
                yield not_asked(TRUNCATION, "its approval is not in the evidence", seq)
                continue
            found = approvals.parse(known[statement.digest], f"approval of statement {seq}")
            _fits(case, found, statement)
            if configuration is None:
                yield unchecked(TRUNCATION, "without the configuration, no key for approvals is known", seq)
                continue
            if configuration.verifier_key == NO_KEY:
                raise FieldError(name_of(seq), "kind", "none, as the chip has no key for approvals", "truncate")
            approvals.check(found, configuration.verifier_key)
        except FieldError as error:
            yield rejected(TRUNCATION, error, seq)
        else:
            yield verified(TRUNCATION, f"approved: the chip may forget what is before statement {found.seq}", seq)


def _fits(case: Case, approval: Approval, statement: Statement) -> None:
    """Raises FieldError unless the approval is for this chip and for statements that it had made."""
    subject = f"approval of statement {statement.seq}"
    if approval.ueid != statement.ueid:
        raise FieldError(subject, "ueid", statement.ueid.hex(), approval.ueid.hex())
    if approval.seq > statement.seq:
        raise FieldError(subject, "seq", f"at most {statement.seq}", str(approval.seq))
    kept = case.statements.get(approval.seq)
    if kept is not None and kept.chain != approval.chain:
        expected = f"{kept.chain.hex()}, as in statement {kept.seq}"
        raise FieldError(subject, "chain", expected, approval.chain.hex())


def check_errors(case: Case) -> Iterator[Check]:
    """Each error statement names an event's record; when that is in the evidence, it says what happened."""
    known = {turboshake128(data, Domain.EVENT): data for data in case.evidence.events}
    for seq, statement in case.in_order:
        if statement.kind is not Kind.ERROR:
            continue
        name = name_of(seq)
        if statement.digest == ZEROS:
            yield rejected(ERROR, FieldError(name, "digest", "an event's", "zeros"), seq)
            continue
        if statement.digest not in known:
            yield not_asked(ERROR, "the event that it names is not in the evidence", seq)
            continue
        try:
            event = Event.decode(known[statement.digest])
        except ValueError as error:
            yield rejected(ERROR, FieldError(name, "digest", "of an event's record", str(error)), seq)
            continue
        if event.boot > statement.bootcount:
            subject, expected = f"event of statement {seq}", f"at most {statement.bootcount}"
            yield rejected(ERROR, FieldError(subject, "boot", expected, str(event.boot)), seq)
        else:
            yield verified(ERROR, f"the chip reports of boot {event.boot}: {event.explanation}", seq)
