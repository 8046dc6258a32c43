"""What tests of verification share: the verdict over the honest story, and what a rejection must say."""

from collections.abc import Callable
from dataclasses import replace

from formats.records import Record
from host.evidence import records
from host.evidence.folder import Evidence
from host.verify import Check, Report, Verdict, verify
from tests.evidence_story import MAKER_KEY, honest

ZEROS = bytes(32)
ONES = b"\x11" * 32


def check(evidence: Evidence, **options: object) -> Report:
    return verify(evidence, MAKER_KEY, **options)


def assert_rejected(report: Report, subject: str, field: str) -> None:
    """The reason is one line: who, what, expected, found."""
    deciding = report.deciding
    assert report.exit_code == 1 and deciding is not None
    assert deciding.reason.startswith(f"{subject}: {field}: expected "), deciding.reason
    assert ", found " in deciding.reason and "\n" not in deciding.reason
    assert deciding.field == field


def assert_unchecked(report: Report, words: str) -> None:
    assert report.exit_code == 3 and report.deciding is not None
    assert words in report.deciding.reason


def with_statement(seq: int, data: bytes | None) -> Evidence:
    """The honest evidence with another statement; none if `data` is None."""
    statements = {**honest().statements, seq: data}
    return replace(honest(), statements={seq: data for seq, data in statements.items() if data is not None})


def other_record(change: Callable[[list[Record]], list[Record]]) -> bytes:
    """The honest record with other items in boot 1."""
    data = records.header(honest().ueid)
    for boot, items in records.parse(honest().record).boots.items():
        changed = change(list(items)) if boot == 1 else items
        data += records.boot_item(boot) + b"".join(map(records.record_item, changed))
    return data


def rejections(evidence: Evidence, *names: str) -> list[Check]:
    """Of the checks with these names, those that reject; the evidence as a whole is then rejected too."""
    report = check(evidence)
    found = [each for each in report.checks if each.verdict is Verdict.REJECTED and each.name in names]
    assert report.exit_code == 1 or not found
    return found


def assert_finds(evidence: Evidence, name: str, seq: int, field: str, expected: str = "", found: str = "") -> None:
    """The first rejection of a check is of this statement, in this field."""
    first = rejections(evidence, name)[0]
    assert (first.statement, first.field) == (seq, field), first.reason
    assert expected in (first.expected or "") and found in (first.found or ""), first.reason
    assert first.reason.startswith(f"statement {seq}: {field}: expected ") and "\n" not in first.reason
