"""What `livetrap doctor` looks for: one finding for each thing, with the fix in one line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """purpose: what it is needed for. subject: the thing. is_there: it is, and works. found: where it is, or what is
    wrong. fix: what to do; empty if nothing. needed: without it the board that was asked about cannot be used."""

    purpose: str
    subject: str
    is_there: bool
    found: str
    fix: str = ""
    needed: bool = False

    def as_json(self) -> dict[str, object]:
        """Names and values."""
        return dict(vars(self))
