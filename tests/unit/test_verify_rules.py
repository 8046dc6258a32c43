"""Verification of what a statement may say: claims that a lying chip might sign."""

from dataclasses import replace

import pytest

from formats.otp import Lifecycle
from formats.statement import Cause, Kind
from host.verify import Verdict
from tests.evidence_story import HEAD, LAST, MID_RECORD, SECOND_BOOT, forged, honest, values_of
from tests.unit.verify_bench import ONES, assert_rejected, check


@pytest.mark.parametrize(
    "seq, patch, field",
    [
        (1, {"kind": Kind.HEAD}, "cause"),
        (HEAD, {"cause": Cause.HOST}, "cause"),
        (1, {"cause": Cause.NONE}, "cause"),
        (0, {"nonce": ONES}, "nonce"),
        (1, {"nonce": ONES}, "nonce"),
        (0, {"kind": Kind.HEAD}, "kind"),
        (1, {"kind": Kind.BOOT, "cause": Cause.NONE}, "kind"),
        (SECOND_BOOT, {"kind": Kind.HEAD}, "kind"),
        (0, {"bootcount": 0}, "bootcount"),
        (3, {"bootcount": 2}, "kind"),
        (SECOND_BOOT, {"bootcount": 1}, "kind"),
        (LAST, {"bootcount": 1}, "bootcount"),
        (0, {"inputs": ONES}, "inputs"),
        (0, {"records": 1}, "records"),
        (SECOND_BOOT, {"records": 4}, "records"),
        (SECOND_BOOT, {"words": 1}, "words"),
        (SECOND_BOOT, {"steps": 1}, "steps"),
        (SECOND_BOOT, {"descriptor": 1}, "descriptor"),
        (2, {"ticks": 0}, "ticks"),
        (HEAD, {"ticks": 200}, "ticks"),
        (HEAD, {"records": 3}, "records"),
        (5, {"records": 4}, "records"),
        (5, {"inputs": ONES}, "inputs"),
        (1, {"steps": 5}, "steps"),
        (1, {"macs": 5}, "macs"),
        (SECOND_BOOT - 1, {"macs": 5}, "macs"),
        (1, {"firmware": ONES}, "firmware"),
        (3, {"security_version": 2}, "security_version"),
        (2, {"pages": 4}, "pages"),
        (2, {"page_size": 8192}, "page_size"),
        (2, {"region": 4096}, "region"),
        (0, {"pages": 0}, "pages"),
        (0, {"page_size": 12}, "page_size"),
        (0, {"page_size": 0}, "page_size"),
        (5, {"digest": ONES}, "digest"),
        (3, {"configuration": ONES}, "configuration"),
        (3, {"lifecycle": Lifecycle.PRODUCTION}, "lifecycle"),
        (SECOND_BOOT, {"lifecycle": Lifecycle.RETIRED}, "lifecycle"),
        (3, {"security_floor": 1}, "security_floor"),
        (SECOND_BOOT, {"security_floor": 2, "security_version": 1}, "security_version"),
        (LAST, {"security_floor": 65, "security_version": 65}, "security_floor"),
    ],
)
def test_rules(seq: int, patch: dict[str, int | bytes], field: str) -> None:
    """The rule is broken in this statement, or first shows in a later one that now does not fit it."""
    report = check(forged(honest(), {seq: patch}))
    broken = [found for found in report.named("rules") if found.verdict is Verdict.REJECTED]
    assert report.exit_code == 1 and broken
    assert broken[0].field == field and broken[0].statement in (seq, seq + 1)
    assert all(found.verdict is Verdict.VERIFIED for found in report.named("signature"))


def test_a_snapshot_stated_after_a_later_head_is_honest() -> None:
    """The firmware lets an inspector's head go first; the snapshot's claims are those of its instant."""
    statements = honest().statements
    early = {
        name: values_of(statements[MID_RECORD])[name] for name in ("ticks", "records", "words", "inputs", "digest")
    }
    late = forged(honest(), {4: {**early, "ticks": early["ticks"] + 1}})
    pages = {**honest().pages, 4: honest().pages[MID_RECORD]}
    assert values_of(late.statements[4])["ticks"] < values_of(late.statements[HEAD])["ticks"]
    assert check(replace(late, pages=pages)).exit_code == 0


@pytest.mark.parametrize(
    "patch, field", [({"records": 6}, "records"), ({"macs": 7}, "macs"), ({"words": 3}, "words")]
)
def test_a_snapshot_stated_late_must_fit_before_the_head(patch: dict[str, int], field: str) -> None:
    early = values_of(honest().statements[MID_RECORD])["ticks"] + 1
    report = check(forged(honest(), {4: {"ticks": early, **patch}}))
    assert_rejected(report, "statement 4", field)


def test_a_snapshot_stated_late_must_fit_after_the_snapshot_before() -> None:
    report = check(forged(honest(), {4: {"ticks": values_of(honest().statements[MID_RECORD])["ticks"] - 1}}))
    assert_rejected(report, "statement 4", "ticks")


def test_a_chip_may_rise_through_its_life_and_is_still_evidence_when_retired() -> None:
    lives: dict[int, dict[str, int | bytes]] = {seq: {"security_version": 3} for seq in honest().statements}
    for seq in range(1, LAST + 1):
        lives[seq]["lifecycle"] = Lifecycle.PRODUCTION
    for seq in range(HEAD, LAST + 1):
        lives[seq]["security_floor"] = 3
    for seq in range(SECOND_BOOT, LAST + 1):
        lives[seq]["lifecycle"] = Lifecycle.RETIRED
    assert check(forged(honest(), lives)).exit_code == 0


def test_a_truncation_may_be_stated() -> None:
    assert check(forged(honest(), {HEAD: {"kind": Kind.TRUNCATE, "digest": ONES}})).exit_code == 1, "unanswered nonce"
    broken = forged(honest(), {HEAD: {"kind": Kind.TRUNCATE, "digest": ONES, "cause": Cause.HOST}})
    found = {each.statement for each in check(broken).named("rules") if each.verdict is Verdict.REJECTED}
    assert found == {HEAD}
    stated = check(forged(honest(), {HEAD: {"kind": Kind.TRUNCATE, "digest": ONES}})).named("rules")
    assert all(each.verdict is Verdict.VERIFIED for each in stated)
