"""Verification as a whole: an honest story, whatever else a folder holds, and the report."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from host.evidence import certificate
from host.evidence.folder import Evidence
from host.verify import Verdict, verify
from host.verify.roots import PAGES as ROOT_FROM_PAGES
from host.verify.roots import REPLAY
from sim.golden import chip as golden
from sim.golden.statement import encode
from tests.evidence_story import (
    CHIP_SEED,
    KINDS,
    LAST_SNAPSHOT,
    MAKER_KEY,
    MID_RECORD,
    NONCE,
    forged,
    honest,
    values_of,
)
from tests.unit.verify_bench import ZEROS, check, with_statement


def test_the_story_is_as_told() -> None:
    assert [values_of(data)["kind"] for data in honest().statements.values()] == KINDS
    assert values_of(honest().statements[MID_RECORD])["words"] == 41


def test_an_honest_chip_is_verified() -> None:
    report = check(honest())
    assert report.exit_code == 0 and report.verdict is Verdict.VERIFIED and report.deciding is None
    assert (report.statements, report.snapshots) == (9, 5)
    assert len(report.named(REPLAY)) == len(report.named(ROOT_FROM_PAGES)) == 5
    assert report.rates == {1: 1 << 50, 2: 1 << 50, 4: 1 << 50, 5: 1 << 50, LAST_SNAPSHOT: None}
    assert check(honest(), nonces=[NONCE]).exit_code == 0


def test_what_the_chip_lies_about_is_signed_anew_in_these_tests() -> None:
    assert forged(honest(), {}) == honest()


def test_golden_chip_is_what_signs() -> None:
    assert golden.Chip(b"", CHIP_SEED).public_key == certificate.parse_chain(honest().certificate).chip.public_key


def test_an_empty_folder() -> None:
    empty = Evidence(honest().ueid)
    assert verify(empty, MAKER_KEY).exit_code == 3
    assert verify(replace(empty, certificate=honest().certificate), MAKER_KEY).exit_code == 3


def test_sizes_that_nobody_vouches_for_cost_nothing() -> None:
    """A statement under another key that claims a region of 2**64 bytes, and a seq near 2**64."""
    huge = {"pages": 2**32 - 1, "page_size": 2**32 - 8}
    assert check(forged(honest(), dict.fromkeys(range(9), huge), seed=ZEROS)).exit_code == 1
    far = encode({**values_of(honest().statements[4]), "seq": 2**64 - 1}, CHIP_SEED)
    assert check(replace(honest(), statements={**honest().statements, 2**64 - 1: far})).exit_code == 1


@given(
    st.fixed_dictionaries(
        {
            "certificate": st.one_of(st.none(), st.binary(max_size=60)),
            "statements": st.dictionaries(st.integers(0, 2**64), st.binary(max_size=60), max_size=3),
            "pages": st.dictionaries(st.integers(0, 9), st.dictionaries(st.integers(0, 9), st.binary(max_size=9))),
            "proofs": st.dictionaries(st.integers(0, 9), st.dictionaries(st.integers(0, 9), st.binary(max_size=9))),
            "record": st.one_of(st.none(), st.binary(max_size=60)),
        }
    ),
    st.sets(st.sampled_from(["certificate", "statements", "pages", "proofs", "record"])),
)
@settings(max_examples=80)
def test_verify_never_raises(junk: dict[str, object], spoilt: set[str]) -> None:
    """Any mixture of honest and random parts has a verdict, and it is not 0 when a part that counts is random."""
    evidence = replace(honest(), **{name: junk[name] for name in spoilt})
    report = check(evidence)
    assert report.exit_code in (0, 1, 3)
    assert all("\n" not in found.reason for found in report.checks)
    if "certificate" in spoilt or ("statements" in spoilt and junk["statements"]):
        assert report.exit_code != 0


def test_json_has_every_check() -> None:
    said = check(honest()).as_json()
    assert said["verdict"] == "verified" and len(said["checks"]) == len(check(honest()).checks)
    rejected = check(with_statement(3, None)).as_json()["checks"]
    first = next(found for found in rejected if found["verdict"] == "rejected")
    assert {"name", "statement", "field", "expected", "found", "reason"} <= set(first)
