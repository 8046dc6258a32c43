"""What a statement may say: by itself, and after the one before it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from formats.hashing import WORD_BYTES
from formats.otp import MAX_SECURITY_FLOOR
from formats.statement import Cause, Kind
from host.errors import FieldError
from host.evidence.statement import ZEROS, Statement

from .case import Case, name_of
from .report import Check, rejected, verified

RULES = "rules"

ADDRESSABLE_BYTES = 1 << 32
"""Addresses of records and operands have 32 bits."""

Finding = tuple[str, str, str]
"""Field, what was expected, what was found."""


@dataclass
class _Past:
    """What came before a statement.

    previous: the statement before it. snapshot: the last snapshot of this boot. others: the statements of this
    boot that are no snapshots, and came after that one. roots: the first snapshot at each position.
    """

    previous: Statement | None = None
    snapshot: Statement | None = None
    others: list[Statement] = field(default_factory=list)
    roots: dict[tuple[object, ...], Statement] = field(default_factory=dict)

    def add(self, statement: Statement) -> None:
        if self.previous is None or self.previous.bootcount != statement.bootcount:
            self.snapshot = None
            self.others.clear()
        if statement.kind is Kind.SNAPSHOT:
            self.snapshot = statement
            self.others.clear()
        else:
            self.others.append(statement)
        self.previous = statement


def check_rules(case: Case) -> Iterator[Check]:
    """One check for each statement: the first rule that it breaks, or that it breaks none."""
    past = _Past()
    for seq, statement in case.in_order:
        finding = next(_findings(case, statement, past), None)
        if finding:
            yield rejected(RULES, FieldError(name_of(seq), *finding), seq)
        else:
            yield verified(RULES, "the claims fit each other and the statements before", seq)
        past.add(statement)


def _findings(case: Case, statement: Statement, past: _Past) -> Iterator[Finding]:
    if statement.ueid != case.evidence.ueid:
        yield "ueid", f"the certified {case.evidence.ueid.hex()}", statement.ueid.hex()
    for rule in _ALONE:
        yield from rule(statement)
    previous = past.previous
    if previous is None or previous.bootcount != statement.bootcount:
        yield from _begins_boot(statement, previous)
    else:
        yield from _continues_boot(statement, previous)
        yield from _in_order(statement, past)
    if previous is not None:
        yield from _same_chip(statement, previous)
    yield from _same_memory(statement, past.roots)


def _kind_and_cause(statement: Statement) -> Iterator[Finding]:
    is_snapshot = statement.kind is Kind.SNAPSHOT
    if is_snapshot == (statement.cause is Cause.NONE):
        expected = "a cause, as it is a snapshot" if is_snapshot else "none, as it is no snapshot"
        yield "cause", expected, statement.cause.name.lower()


def _nonce(statement: Statement) -> Iterator[Finding]:
    unasked = statement.kind is Kind.BOOT or statement.cause in (Cause.RANDOM, Cause.RANDOM_FORCED)
    if unasked and statement.nonce != ZEROS:
        yield "nonce", "zeros, as nobody asked", statement.nonce.hex()


def _geometry(statement: Statement) -> Iterator[Finding]:
    if statement.pages == 0:
        yield "pages", "at least 1", "0"
    if statement.page_size == 0 or statement.page_size % WORD_BYTES:
        yield "page_size", f"a multiple of {WORD_BYTES}", str(statement.page_size)
    if statement.pages * statement.page_size > ADDRESSABLE_BYTES:
        expected = f"a region of at most {ADDRESSABLE_BYTES} bytes"
        yield "pages", expected, f"{statement.pages} of {statement.page_size} bytes"


def _nothing_came_in(statement: Statement) -> Iterator[Finding]:
    if statement.records == 0 and statement.inputs != ZEROS:
        yield "inputs", "zeros, as no record was completed", statement.inputs.hex()
    if statement.records == 0 and statement.descriptor:
        yield "descriptor", "0, as no record was completed", str(statement.descriptor)


def _steps(statement: Statement) -> Iterator[Finding]:
    if statement.steps > statement.descriptor:
        expected = f"at most {statement.descriptor}, as so many descriptors were completed"
        yield "steps", expected, str(statement.steps)


def _floor(statement: Statement) -> Iterator[Finding]:
    if statement.security_floor > MAX_SECURITY_FLOOR:
        expected = f"at most {MAX_SECURITY_FLOOR}, as the fuses have no more"
        yield "security_floor", expected, str(statement.security_floor)
    if statement.security_version < statement.security_floor:
        expected = f"at least {statement.security_floor}, as the fuses let no lower one boot"
        yield "security_version", expected, str(statement.security_version)


_ALONE: tuple[Callable[[Statement], Iterator[Finding]], ...] = (
    _kind_and_cause,
    _nonce,
    _geometry,
    _nothing_came_in,
    _steps,
    _floor,
)


def _begins_boot(statement: Statement, previous: Statement | None) -> Iterator[Finding]:
    least = previous.bootcount + 1 if previous else 1
    if statement.bootcount < least:
        yield "bootcount", f"at least {least}", str(statement.bootcount)
    if statement.kind is not Kind.BOOT:
        yield "kind", f"boot, as the first statement of boot {statement.bootcount}", statement.kind.name.lower()
    for name in ("records", "words", "steps", "descriptor"):
        if value := getattr(statement, name):
            yield name, "0, as a boot clears it", str(value)
    if statement.seq == 0 and statement.macs:
        yield "macs", "0, as nothing was computed before the first statement", str(statement.macs)
    if previous is not None and statement.macs < previous.macs:
        yield "macs", f"at least {previous.macs}, as in statement {previous.seq}", str(statement.macs)


def _continues_boot(statement: Statement, previous: Statement) -> Iterator[Finding]:
    if statement.kind is Kind.BOOT:
        yield "kind", f"another than boot, as boot {statement.bootcount} has one", "boot"
    if statement.firmware != previous.firmware:
        yield "firmware", f"{previous.firmware.hex()}, as it is locked until a boot", statement.firmware.hex()
    if statement.security_version != previous.security_version:
        found = str(statement.security_version)
        yield "security_version", f"{previous.security_version}, as it is locked until a boot", found


def _in_order(statement: Statement, past: _Past) -> Iterator[Finding]:
    """Within a boot nothing runs backwards.

    A snapshot tells of the instant at which it was taken, and may be stated after a later statement of another
    kind: then it must fit before that one. Snapshots among themselves, and the others, are in the order of seq.
    """
    if statement.kind is Kind.SNAPSHOT:
        if past.snapshot is not None:
            yield from _backwards(past.snapshot, statement)
        for other in past.others:
            if statement.ticks >= other.ticks:
                yield from _backwards(other, statement)
            else:
                for name, _, found in _backwards(statement, other):
                    value = getattr(statement, name)
                    shown = value.hex() if isinstance(value, bytes) else str(value)
                    yield name, f"one from before statement {other.seq}, whose {name} is {found}", shown
    else:
        for earlier in (past.snapshot, *past.others[-1:]):
            if earlier is not None:
                yield from _backwards(earlier, statement)


def _backwards(earlier: Statement, later: Statement) -> Iterator[Finding]:
    """What in the `later` statement is less than in the `earlier` one, or differs though nothing came in."""
    for name in ("ticks", "macs", "steps", "descriptor", "records"):
        before, after = getattr(earlier, name), getattr(later, name)
        if after < before:
            yield name, f"at least {before}, as in statement {earlier.seq}", str(after)
    most = earlier.steps + later.descriptor - earlier.descriptor
    if later.steps > most and later.descriptor >= earlier.descriptor:
        expected = f"at most {most}, as that is {most - earlier.steps} descriptors after statement {earlier.seq}"
        yield "steps", expected, str(later.steps)
    if later.records == earlier.records:
        if later.words < earlier.words:
            yield "words", f"at least {earlier.words}, as in statement {earlier.seq}", str(later.words)
        if later.inputs != earlier.inputs:
            expected = f"{earlier.inputs.hex()}, as in statement {earlier.seq} after as many records"
            yield "inputs", expected, later.inputs.hex()


def _same_chip(statement: Statement, previous: Statement) -> Iterator[Finding]:
    for name in ("pages", "page_size", "region"):
        before, after = getattr(previous, name), getattr(statement, name)
        if after != before:
            yield name, f"{before}, as in statement {previous.seq}", str(after)
    if statement.configuration != previous.configuration:
        expected = f"{previous.configuration.hex()}, as in statement {previous.seq}"
        yield "configuration", expected, statement.configuration.hex()
    if statement.lifecycle < previous.lifecycle:
        expected = f"{previous.lifecycle.name.lower()} or later, as in statement {previous.seq}"
        yield "lifecycle", expected, statement.lifecycle.name.lower()
    if statement.security_floor < previous.security_floor:
        expected = f"at least {previous.security_floor}, as in statement {previous.seq}"
        yield "security_floor", expected, str(statement.security_floor)


def _same_memory(statement: Statement, roots: dict[tuple[object, ...], Statement]) -> Iterator[Finding]:
    """Memory is a function of inputs and descriptors: two snapshots at one position of one boot show the same."""
    if statement.kind is not Kind.SNAPSHOT or statement.forced:
        return
    earlier = roots.setdefault((statement.bootcount, statement.position, statement.descriptor), statement)
    if earlier.digest != statement.digest:
        expected = f"{earlier.digest.hex()}, as in statement {earlier.seq} at the same position"
        yield "digest", expected, statement.digest.hex()
