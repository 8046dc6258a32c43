"""Renders docs/errors.md: every code that a chip refuses or reports with, and what it means.

python -m formats.document       writes it
"""

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from .boot import BootError
from .descriptor import AcceleratorError
from .flash import Event
from .link import ChipError, ImageError

ERRORS = Path(__file__).parents[1] / "docs" / "errors.md"

_HEAD = """\
# Error codes

Made by `python -m formats.document` from the enumerations in `formats/`; do not edit. Names and numbers are the same
in firmware, host and documentation.
"""

_TABLES: Sequence[tuple[str, str, type[IntEnum]]] = (
    (
        "Boot errors",
        "`formats/boot.py`. ROM's error register and those of its slots, as `livetrap info` shows them. 16 to 31\n"
        "say why ROM would not start a slot, the others why it started nothing.",
        BootError,
    ),
    ("Refusals", "`formats/link.py`. The result codes of the chip's own SMP group.", ChipError),
    (
        "Refusals of images",
        "`formats/link.py`. The result codes of SMP's image group; the numbers are MCUmgr's.",
        ImageError,
    ),
    ("Accelerator errors", "`formats/descriptor.py`. Why the accelerator refused a descriptor.", AcceleratorError),
    (
        "Events",
        "`formats/flash.py`. What the log holds beside statements, as `livetrap events` shows it; each becomes an\n"
        "error statement at the next boot.",
        Event,
    ),
)


def errors_document() -> str:
    """The text of docs/errors.md."""
    parts = [_HEAD]
    for title, introduction, members in _TABLES:
        rows = [f"| {member.value} | `{member.name}` | {_explanation(member)} |" for member in members]
        parts.append(
            "\n".join([f"## {title}", introduction, "", "| code | name | meaning |", "|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


def _explanation(member: IntEnum) -> str:
    explanation: str = member.explanation  # type: ignore[attr-defined]
    return explanation.replace("|", "\\|")


def main() -> None:
    """Writes docs/errors.md."""
    ERRORS.write_text(errors_document(), encoding="utf-8")


if __name__ == "__main__":
    main()
