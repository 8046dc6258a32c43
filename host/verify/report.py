"""What verification says: checks with verdicts, and the exit code that follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from host.errors import FieldError

from .case import name_of


class Verdict(Enum):
    """What became of a check, and of the evidence as a whole; the value is how it is printed."""

    VERIFIED = "verified"
    REJECTED = "rejected"
    UNCHECKED = "cannot be checked"
    """Something that the check needs is not in the evidence."""
    NOT_ASKED = "not asked for"
    """The caller left the check out; it does not count."""


_EXIT_CODES = {Verdict.VERIFIED: 0, Verdict.REJECTED: 1, Verdict.UNCHECKED: 3}


@dataclass(frozen=True)
class Check:
    """One check. reason: one line. statement: the seq it is about, if it is about one.

    field, expected and found are set when it is rejected.
    """

    name: str
    verdict: Verdict
    reason: str
    statement: int | None = None
    field: str | None = None
    expected: str | None = None
    found: str | None = None

    @property
    def line(self) -> str:
        """The reason, with the statement's name before it unless the reason begins with it."""
        if self.statement is None or self.reason.startswith(name_of(self.statement)):
            return self.reason
        return f"{name_of(self.statement)}: {self.reason}"

    def as_json(self) -> dict[str, object]:
        """The fields that are set, by name."""
        values = {**vars(self), "verdict": self.verdict.value}
        return {name: value for name, value in values.items() if value is not None}


def verified(name: str, reason: str, statement: int | None = None) -> Check:
    """A check that passed. name: of the check. reason: one line. statement: the seq it is about, if any."""
    return Check(name, Verdict.VERIFIED, reason, statement)


def unchecked(name: str, reason: str, statement: int | None = None) -> Check:
    """A check that lacks something in the evidence; arguments as for `verified`."""
    return Check(name, Verdict.UNCHECKED, reason, statement)


def not_asked(name: str, reason: str, statement: int | None = None) -> Check:
    """A check that the caller left out; arguments as for `verified`."""
    return Check(name, Verdict.NOT_ASKED, reason, statement)


def rejected(name: str, error: FieldError, statement: int | None = None) -> Check:
    """A check that failed: reason, field, expected and found are those of the error."""
    return Check(name, Verdict.REJECTED, str(error), statement, error.field, error.expected, error.found)


@dataclass(frozen=True)
class Report:
    """All checks in their order. rates: seq of each snapshot to the trigger rate in force, if the record says it."""

    checks: tuple[Check, ...]
    statements: int
    snapshots: int
    rates: dict[int, int | None]

    @property
    def verdict(self) -> Verdict:
        """REJECTED if any check is; else UNCHECKED if any is, or none was verified; else VERIFIED."""
        verdicts = {check.verdict for check in self.checks}
        for verdict in (Verdict.REJECTED, Verdict.UNCHECKED, Verdict.VERIFIED):
            if verdict in verdicts:
                return verdict
        return Verdict.UNCHECKED

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0 verified, 1 rejected, 3 cannot be checked."""
        return _EXIT_CODES[self.verdict]

    @property
    def deciding(self) -> Check | None:
        """The first check that kept the evidence from being verified."""
        if self.verdict is Verdict.VERIFIED:
            return None
        return next((check for check in self.checks if check.verdict is self.verdict), None)

    def named(self, name: str) -> Sequence[Check]:
        """The checks of this name, in their order."""
        return [check for check in self.checks if check.name == name]

    def as_json(self) -> dict[str, object]:
        """The report for other programs: verdict, counts, trigger rates by seq, and every check."""
        return {
            "verdict": self.verdict.value,
            "statements": self.statements,
            "snapshots": self.snapshots,
            "trigger_rates": {str(seq): rate for seq, rate in self.rates.items()},
            "checks": [check.as_json() for check in self.checks],
        }
