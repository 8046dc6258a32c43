"""Named numbers with units, and sections of them."""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import PlanError


@dataclass(frozen=True)
class Figure:
    """One number. value: None when there is none, and `note` says why. unit: in words, or "" for a plain count."""

    name: str
    value: float | None
    unit: str
    meaning: str
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """Value, unit and meaning; the note only when there is one."""
        values: dict[str, object] = {"value": self.value, "unit": self.unit, "meaning": self.meaning}
        return {**values, "note": self.note} if self.note else values


@dataclass(frozen=True)
class Section:
    """Figures that answer one question. note: one line below them, or ""."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    note: str = ""


def or_reason(figure: Callable[[], float]) -> tuple[float | None, str]:
    """A figure, or None and why there is none."""
    try:
        return figure(), ""
    except PlanError as error:
        return None, str(error)
