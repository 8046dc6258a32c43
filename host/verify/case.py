"""What the checks look at: the evidence, parsed as far as it parses."""

from dataclasses import dataclass, field

from host.errors import FieldError
from host.evidence.certificate import Certificate
from host.evidence.folder import Evidence
from host.evidence.records import LoadRecord
from host.evidence.statement import Statement


@dataclass(frozen=True)
class Case:
    """One verification.

    maker_key: 32 bytes. certificate: None when it is missing, broken or not the maker's. statements: by the
    seq of their place in the evidence, those that parse; signed: those of them that the chip's key signed.
    record: None when there is none, or it is broken. nonces: of the inspector, beside the challenges that the
    evidence holds. pages: (seq or None for all, page) that alone are asked for; empty when the whole of every
    snapshot is.
    """

    evidence: Evidence
    maker_key: bytes
    certificate: Certificate | None = None
    statements: dict[int, Statement] = field(default_factory=dict)
    signed: frozenset[int] = frozenset()
    record: LoadRecord | None = None
    nonces: tuple[bytes, ...] = ()
    pages: tuple[tuple[int | None, int], ...] = ()

    @property
    def in_order(self) -> list[tuple[int, Statement]]:
        """(seq, statement) of those that parse, ascending."""
        return sorted(self.statements.items())


def name_of(seq: int) -> str:
    """How a statement is called in every message."""
    return f"statement {seq}"


def finding(error: FieldError, seq: int) -> FieldError:
    """A finding about the record, in the name of the statement that it does not lead to."""
    if error.subject == name_of(seq):
        return error
    if error.field == "descriptor":
        return FieldError(name_of(seq), error.field, error.expected, error.found)
    found = f"{error.subject} with {error.field} {error.found}"
    return FieldError(name_of(seq), "position", f"a record with {error.field} {error.expected}", found)
