"""docs/errors.md is what formats/ says."""

import re

import pytest

from formats.boot import BootError
from formats.descriptor import AcceleratorError
from formats.document import ERRORS, errors_document
from formats.flash import Event
from formats.link import ChipError, ImageError


def test_the_document_is_up_to_date() -> None:
    assert ERRORS.read_text(encoding="utf-8") == errors_document(), "run python -m formats.document"


@pytest.mark.parametrize("members", [BootError, ChipError, ImageError, AcceleratorError, Event])
def test_every_code_is_explained_in_one_line(members) -> None:
    rows = dict(re.findall(r"^\| (\d+) \| `\w+` \| (.+) \|$", errors_document(), re.M))
    for member in members:
        assert member.explanation and "\n" not in member.explanation and not member.explanation.endswith(".")
        assert f"| {member.value} | `{member.name}` | {member.explanation} |" in errors_document()
    assert len({member.explanation for member in members}) == len(members)
    assert rows
