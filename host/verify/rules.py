"""What a statement may say: by itself, and after the one before it."""

from collections.abc import Callable, Iterator

from formats.hashing import WORD_BYTES
from formats.statement import FORCED, Cause, Kind
from host.errors import FieldError
from host.evidence.statement import ZEROS, Statement

from .case import Case, name_of
from .report import Check, rejected, verified

RULES = "rules"

Finding = tuple[str, str, str]
"""Field, what was expected, what was found."""


def check_rules(case: Case) -> Iterator[Check]:
    """One check for each statement: the first rule that it breaks, or that it breaks none."""
    previous: Statement | None = None
    roots: dict[tuple[object, ...], Statement] = {}
    for seq, statement in case.in_order:
        finding = next(_findings(case, statement, previous), None) or _same_memory(statement, roots)
        if finding:
            yield rejected(RULES, FieldError(name_of(seq), *finding), seq)
        else:
            yield verified(RULES, "the claims fit each other and the statement before", seq)
        previous = statement


def _findings(case: Case, statement: Statement, previous: Statement | None) -> Iterator[Finding]:
    if statement.ueid != case.evidence.ueid:
        yield "ueid", f"the certified {case.evidence.ueid.hex()}", statement.ueid.hex()
    for rule in _ALONE:
        yield from rule(statement)
    if previous is None or previous.bootcount != statement.bootcount:
        yield from _begins_boot(statement, previous)
    else:
        yield from _continues_boot(statement, previous)
    if previous is not None:
        yield from _same_chip(statement, previous)


def _kind_and_cause(statement: Statement) -> Iterator[Finding]:
    is_snapshot = statement.kind is Kind.SNAPSHOT
    if is_snapshot == (statement.cause is Cause.NONE):
        expected = "a cause, as it is a snapshot" if is_snapshot else "none, as it is no snapshot"
        yield "cause", expected, statement.cause.name.lower()


def _nonce(statement: Statement) -> Iterator[Finding]:
    challenged = statement.kind is Kind.HEAD or statement.cause in (Cause.CHALLENGE, Cause.CHALLENGE + FORCED)
    if challenged and statement.nonce == ZEROS:
        yield "nonce", "an inspector's", "zeros"
    if not challenged and statement.nonce != ZEROS and statement.kind in (Kind.BOOT, Kind.SNAPSHOT):
        yield "nonce", "zeros, as no inspector asked", statement.nonce.hex()


def _geometry(statement: Statement) -> Iterator[Finding]:
    if statement.pages == 0:
        yield "pages", "at least 1", "0"
    if statement.page_size == 0 or statement.page_size % WORD_BYTES:
        yield "page_size", f"a multiple of {WORD_BYTES}", str(statement.page_size)


def _nothing_came_in(statement: Statement) -> Iterator[Finding]:
    if statement.records == 0 and statement.inputs != ZEROS:
        yield "inputs", "zeros, as no record was completed", statement.inputs.hex()


_ALONE: tuple[Callable[[Statement], Iterator[Finding]], ...] = (_kind_and_cause, _nonce, _geometry, _nothing_came_in)


def _begins_boot(statement: Statement, previous: Statement | None) -> Iterator[Finding]:
    least = previous.bootcount + 1 if previous else 1
    if statement.bootcount < least:
        yield "bootcount", f"at least {least}", str(statement.bootcount)
    if statement.kind is not Kind.BOOT:
        yield "kind", f"boot, as the first statement of boot {statement.bootcount}", statement.kind.name.lower()
    for name in ("records", "words", "steps", "descriptor"):
        if value := getattr(statement, name):
            yield name, "0, as a boot clears it", str(value)


def _continues_boot(statement: Statement, previous: Statement) -> Iterator[Finding]:
    if statement.kind is Kind.BOOT:
        yield "kind", f"another than boot, as boot {statement.bootcount} has one", "boot"
    for name in ("ticks", "steps", "descriptor", "records"):
        before, after = getattr(previous, name), getattr(statement, name)
        if after < before:
            yield name, f"at least {before}, as in statement {previous.seq}", str(after)
    if statement.records == previous.records:
        if statement.words < previous.words:
            yield "words", f"at least {previous.words}, as in statement {previous.seq}", str(statement.words)
        if statement.inputs != previous.inputs:
            yield "inputs", f"{previous.inputs.hex()}, as no record was completed since", statement.inputs.hex()
    if statement.firmware != previous.firmware:
        yield "firmware", f"{previous.firmware.hex()}, as it is locked until a boot", statement.firmware.hex()
    if statement.security_version != previous.security_version:
        found = str(statement.security_version)
        yield "security_version", f"{previous.security_version}, as it is locked until a boot", found


def _same_chip(statement: Statement, previous: Statement) -> Iterator[Finding]:
    if statement.macs < previous.macs:
        yield "macs", f"at least {previous.macs}, as in statement {previous.seq}", str(statement.macs)
    for name in ("pages", "page_size", "region"):
        before, after = getattr(previous, name), getattr(statement, name)
        if after != before:
            yield name, f"{before}, as in statement {previous.seq}", str(after)


def _same_memory(statement: Statement, roots: dict[tuple[object, ...], Statement]) -> Finding | None:
    """Memory is a function of the inputs: two snapshots at one position of one boot show the same."""
    if statement.kind is not Kind.SNAPSHOT:
        return None
    work = (statement.macs, statement.steps, statement.descriptor)
    earlier = roots.setdefault((statement.bootcount, statement.position, *work), statement)
    if earlier.digest == statement.digest:
        return None
    expected = f"{earlier.digest.hex()}, as in statement {earlier.seq} at the same position"
    return "digest", expected, statement.digest.hex()
