"""Verification of an honest story, and of everything that a Prover might do to it.

Each rejection must name the statement and the field, in one line.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.records import Record, RecordKind
from formats.statement import Cause, Kind
from host.evidence import cbor, certificate, records
from host.evidence.folder import Evidence
from host.evidence.signature import public_key
from host.verify import Report, Verdict, verify
from host.verify.roots import PAGES as ROOT_FROM_PAGES
from host.verify.roots import PROOF, REPLAY
from sim.golden import chip as golden
from sim.golden.merkle import inclusion_proof, leaf_digests
from sim.golden.statement import encode
from tests.evidence_story import (
    CHIP_SEED,
    HEAD,
    KINDS,
    LAST,
    LAST_SNAPSHOT,
    MAKER_KEY,
    MAKER_SEED,
    MID_RECORD,
    NONCE,
    PAGES,
    SECOND_BOOT,
    forged,
    honest,
    story,
    values_of,
)

ZEROS = bytes(32)
ONES = b"\x11" * 32


def check(evidence: Evidence, **options: object) -> Report:
    return verify(evidence, MAKER_KEY, **options)


def assert_rejected(report: Report, subject: str, field: str) -> None:
    deciding = report.deciding
    assert report.exit_code == 1 and deciding is not None
    assert deciding.reason.startswith(f"{subject}: {field}: expected "), deciding.reason
    assert ", found " in deciding.reason and "\n" not in deciding.reason
    assert deciding.field == field


def assert_unchecked(report: Report, words: str) -> None:
    assert report.exit_code == 3 and report.deciding is not None
    assert words in report.deciding.reason


def with_statement(seq: int, data: bytes | None) -> Evidence:
    statements = {**honest().statements, seq: data}
    return replace(honest(), statements={seq: data for seq, data in statements.items() if data is not None})


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


# Altered, truncated, reordered, duplicated, missing, foreign.


@given(st.data())
@settings(max_examples=100)
def test_any_altered_byte_of_a_statement(data: st.DataObject) -> None:
    seq = data.draw(st.sampled_from(sorted(honest().statements)))
    spoilt = bytearray(honest().statements[seq])
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    report = check(with_statement(seq, bytes(spoilt)))
    assert report.exit_code == 1
    assert report.deciding.reason.startswith(f"statement {seq}: ")


@given(st.data())
@settings(max_examples=50)
def test_any_altered_byte_of_the_certificate(data: st.DataObject) -> None:
    spoilt = bytearray(honest().certificate)
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    report = check(replace(honest(), certificate=bytes(spoilt)))
    assert report.exit_code == 1 and report.deciding.reason.startswith("certificate: ")


@given(st.data())
@settings(max_examples=40)
def test_any_altered_byte_of_a_page(data: st.DataObject) -> None:
    seq = data.draw(st.sampled_from(sorted(honest().pages)))
    page = data.draw(st.integers(0, PAGES - 1))
    spoilt = bytearray(honest().pages[seq][page])
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    pages = {**honest().pages, seq: {**honest().pages[seq], page: bytes(spoilt)}}
    assert_rejected(check(replace(honest(), pages=pages)), f"statement {seq}", f"page {page}")
    assert_rejected(check(replace(honest(), pages=pages, record=None)), f"statement {seq}", "digest")


@given(st.data())
@settings(max_examples=40)
def test_any_altered_byte_of_the_record(data: st.DataObject) -> None:
    spoilt = bytearray(honest().record)
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    assert check(replace(honest(), record=bytes(spoilt))).exit_code in (1, 3)


@given(st.integers(0, len(honest().record) - 1))
@settings(max_examples=40)
def test_a_truncated_record(length: int) -> None:
    assert check(replace(honest(), record=honest().record[:length])).exit_code in (1, 3)


@pytest.mark.parametrize("length", [0, 1, 100, 487])
def test_a_truncated_statement(length: int) -> None:
    report = check(with_statement(4, honest().statements[4][:length]))
    assert_rejected(report, "statement 4", "COSE_Sign1")


@pytest.mark.parametrize("seq", range(9))
def test_a_missing_statement(seq: int) -> None:
    report = check(with_statement(seq, None))
    if seq < LAST:
        missing = [found for found in report.checks if found.name == "seq continuity"]
        assert missing[0].reason.startswith(f"statement {seq}: seq: ")
    else:
        assert_rejected(report, "log", "nonce")
    assert report.exit_code == 1


def test_the_end_cut_off_with_its_challenge() -> None:
    """Then only the inspector's own copy of the nonce tells."""
    cut = replace(with_statement(LAST, None), challenges=(NONCE[::-1],))
    assert check(cut).exit_code == 0
    assert_rejected(check(cut, nonces=[NONCE]), "log", "nonce")


@pytest.mark.parametrize("first, second", [(0, 1), (1, 2), (3, 4), (7, 8)])
def test_reordered_statements(first: int, second: int) -> None:
    swapped = {**honest().statements, first: honest().statements[second], second: honest().statements[first]}
    assert_rejected(check(replace(honest(), statements=swapped)), f"statement {first}", "seq")


def test_a_duplicated_statement() -> None:
    assert_rejected(check(with_statement(9, honest().statements[4])), "statement 9", "seq")


def test_a_statement_of_another_chip() -> None:
    values = {**values_of(honest().statements[4]), "ueid": b"\x01" + bytes(16)}
    assert_rejected(check(with_statement(4, encode(values, bytes(32)))), "statement 4", "signature")
    assert_rejected(check(forged(honest(), {4: {"ueid": b"\x01" + bytes(16)}})), "statement 4", "ueid")


def test_evidence_of_another_chip_with_this_chips_certificate() -> None:
    foreign = forged(honest(), {}, seed=bytes(32))
    assert_rejected(check(foreign), "statement 0", "signature")


def test_a_certificate_of_another_chip() -> None:
    foreign = certificate.issue(MAKER_SEED, b"\x01" + bytes(16), public_key(bytes(32)))
    assert_rejected(check(replace(honest(), certificate=foreign)), "certificate", "ueid")


def test_another_makers_key() -> None:
    report = verify(honest(), public_key(bytes(32)))
    assert_rejected(report, "certificate", "signature")


@pytest.mark.parametrize("key", [ZEROS, b"\x01" + bytes(31), b"\xff" * 32], ids=bytes.hex)
def test_a_weak_makers_key(key: bytes) -> None:
    report = verify(honest(), key)
    assert_rejected(report, "maker", "key")


def test_a_fork() -> None:
    second = encode({**values_of(honest().statements[4]), "ticks": 9999}, CHIP_SEED)
    assert_rejected(check(replace(honest(), forks=((4, second),))), "statement 4", "seq")
    for harmless in (b"junk", honest().statements[4], honest().statements[3], encode(values_of(second), ZEROS)):
        assert check(replace(honest(), forks=((4, harmless),))).exit_code == 0


# What a lying chip might sign.


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


def test_the_chain() -> None:
    broken = encode({**values_of(honest().statements[4]), "chain": ONES}, CHIP_SEED)
    assert_rejected(check(with_statement(4, broken)), "statement 4", "chain")


def test_first_statement_has_no_chain() -> None:
    broken = encode({**values_of(honest().statements[0]), "chain": ONES}, CHIP_SEED)
    assert_rejected(check(with_statement(0, broken)), "statement 0", "chain")


# What went in, and what was there.


@pytest.mark.parametrize("seq", [1, MID_RECORD, LAST_SNAPSHOT])
def test_a_root_that_is_not_over_the_memory(seq: int) -> None:
    report = check(forged(honest(), {seq: {"digest": ONES}}))
    assert_rejected(report, f"statement {seq}", "digest")
    assert check(forged(replace(honest(), record=None), {seq: {"digest": ONES}})).exit_code == 1
    assert check(forged(replace(honest(), pages={}), {seq: {"digest": ONES}})).exit_code == 1


@pytest.mark.parametrize("at", [0, 15, 31])
def test_every_byte_of_a_root_is_compared(at: int) -> None:
    """In both statements at this position, so that they agree with each other."""
    root = bytearray(values_of(honest().statements[4])["digest"])
    root[at] ^= 1
    lies = {seq: {"digest": bytes(root)} for seq in (4, 5)}
    assert_rejected(check(forged(honest(), lies)), "statement 4", "digest")
    assert_rejected(check(forged(replace(honest(), record=None), lies)), "statement 4", "digest")


def test_inputs_that_are_not_the_record() -> None:
    report = check(forged(honest(), {seq: {"inputs": ONES} for seq in (HEAD, 4, 5)}))
    assert_rejected(report, f"statement {HEAD}", "inputs")


def other_record(change: Callable[[list[Record]], list[Record]]) -> bytes:
    data = records.header(honest().ueid)
    for boot, items in records.parse(honest().record).boots.items():
        changed = change(list(items)) if boot == 1 else items
        data += records.boot_item(boot) + b"".join(map(records.record_item, changed))
    return data


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items[:-1],
        lambda items: items[1:],
        lambda items: [items[1], items[0], *items[2:]],
        lambda items: [items[0], items[0], *items[1:]],
        lambda items: [replace(items[0], payload=bytes(8)), *items[1:]],
        lambda items: [*items[:2], replace(items[2], address=16), *items[3:]],
        lambda items: [*items[:4], Record(RecordKind.WRITE, 512, bytes(8))],
    ],
    ids=["end cut off", "start cut off", "reordered", "duplicated", "another rate", "another address", "shorter"],
)
def test_another_record(change: Callable[[list[Record]], list[Record]]) -> None:
    report = check(replace(honest(), record=other_record(change)))
    assert report.exit_code == 1
    assert report.deciding.name == "inputs" and report.deciding.field in ("inputs", "position")


def test_more_was_loaded_than_the_last_statement_knows() -> None:
    more = other_record(lambda items: [*items, Record(RecordKind.WRITE, 0, bytes(8))])
    assert check(replace(honest(), record=more)).exit_code == 0


def test_the_record_of_another_chip() -> None:
    foreign = records.header(b"\x01" + bytes(16)) + records.boot_item(1)
    assert_rejected(check(replace(honest(), record=foreign)), "record", "ueid")


def test_pages_alone_or_the_record_alone_are_enough() -> None:
    assert check(replace(honest(), record=None)).exit_code == 0
    assert check(replace(honest(), pages={})).exit_code == 0


@pytest.mark.parametrize("page", range(PAGES))
def test_a_missing_page_cannot_be_checked(page: int) -> None:
    left = {other: data for other, data in honest().pages[4].items() if other != page}
    evidence = replace(honest(), record=None, pages={**honest().pages, 4: left})
    assert_unchecked(check(evidence), "1 of 3 pages are missing")
    assert check(replace(evidence, record=honest().record)).exit_code == 0


def test_missing_pages_of_a_whole_snapshot() -> None:
    left = {seq: pages for seq, pages in honest().pages.items() if seq != LAST_SNAPSHOT}
    assert_unchecked(check(replace(honest(), record=None, pages=left)), "3 of 3 pages are missing")


def test_a_boot_that_the_record_does_not_have() -> None:
    first = records.parse(honest().record).boots[1]
    data = records.header(honest().ueid) + records.boot_item(1) + b"".join(map(records.record_item, first))
    assert_unchecked(check(replace(honest(), record=data)), "the record does not have boot 2")


@pytest.mark.parametrize("page, data", [(0, bytes(4095)), (1, b""), (3, bytes(4096))])
def test_pages_of_another_size_or_place(page: int, data: bytes) -> None:
    pages = {**honest().pages, 1: {**honest().pages[1], page: data}}
    assert_rejected(check(replace(honest(), pages=pages, record=None)), "statement 1", f"page {page}")


def test_pages_of_a_statement_that_is_no_snapshot() -> None:
    pages = {**honest().pages, HEAD: {0: bytes(4096)}}
    assert_rejected(check(replace(honest(), pages=pages)), f"statement {HEAD}", "kind")
    pages = {**honest().pages, 77: {0: bytes(4096)}}
    assert_rejected(check(replace(honest(), pages=pages)), "statement 77", "seq")


def test_without_a_certificate_nothing_is_verified_or_rejected() -> None:
    assert_unchecked(check(replace(honest(), certificate=None)), "no certificate")


def test_without_a_challenge_the_logs_end_is_open() -> None:
    assert_unchecked(check(replace(honest(), challenges=())), "the log's end may have been cut off")


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


# Single pages.


def proof_of(seq: int, page: int) -> bytes:
    return cbor.encode(inclusion_proof(leaf_digests(story().images[seq]), page))


def disclosed(seq: int, page: int, **change: object) -> Evidence:
    """Only one page, with its proof."""
    evidence = replace(
        honest(),
        record=None,
        pages={seq: {page: honest().pages[seq][page]}},
        proofs={seq: {page: proof_of(seq, page)}},
    )
    return replace(evidence, **change)


@pytest.mark.parametrize("seq", [1, MID_RECORD, 4, 5, LAST_SNAPSHOT])
@pytest.mark.parametrize("page", range(PAGES))
def test_a_page_by_its_proof(seq: int, page: int) -> None:
    report = check(disclosed(seq, page), pages=[(seq, page)])
    assert report.exit_code == 0 and len(report.named(PROOF)) == 1


def test_pages_by_proofs_made_from_the_image_or_the_record() -> None:
    assert check(replace(honest(), record=None), pages=[(None, 1)]).exit_code == 0
    assert check(replace(honest(), pages={}), pages=[(None, 1), (4, 0)]).exit_code == 0


def test_pages_that_are_not_there() -> None:
    assert check(disclosed(4, 1), pages=[(4, 2)]).exit_code == 3
    assert check(disclosed(4, 1, proofs={}), pages=[(4, 1)]).exit_code == 3
    assert check(disclosed(4, 1, pages={}), pages=[(4, 1)]).exit_code == 3
    assert check(honest(), pages=[(4, PAGES)]).exit_code == 3
    assert check(honest(), pages=[(HEAD, 0)]).exit_code == 3
    assert check(honest(), pages=[(99, 0)]).exit_code == 3


def test_a_disclosed_folder_without_naming_pages_needs_the_other_snapshots_too() -> None:
    assert check(disclosed(4, 1)).exit_code == 3
    whole = {seq: pages for seq, pages in honest().pages.items() if seq != 4}
    partly = disclosed(4, 1, pages={**whole, 4: {1: honest().pages[4][1]}})
    assert check(partly).exit_code == 0
    assert check(replace(partly, pages={**whole, 4: {}})).exit_code == 3


@pytest.mark.parametrize(
    "page, proof, field",
    [
        (0, proof_of(4, 1), "digest"),
        (1, proof_of(4, 1)[:-1], "proof of page 1"),
        (1, b"\x80", "proof of page 1"),
        (1, b"\x81\x40", "proof of page 1"),
        (1, b"\x01", "proof of page 1"),
        (1, proof_of(5, 1)[:1] + bytes(len(proof_of(5, 1)) - 1), "proof of page 1"),
    ],
)
def test_wrong_proofs(page: int, proof: bytes, field: str) -> None:
    evidence = replace(honest(), record=None, pages={4: {page: honest().pages[4][page]}}, proofs={4: {page: proof}})
    assert_rejected(check(evidence, pages=[(4, page)]), "statement 4", field)


@given(st.data())
@settings(max_examples=50)
def test_an_altered_page_or_proof_never_passes(data: st.DataObject) -> None:
    page, proof = bytearray(honest().pages[4][1]), bytearray(proof_of(4, 1))
    target = data.draw(st.sampled_from([page, proof]))
    target[data.draw(st.integers(0, len(target) - 1))] ^= data.draw(st.integers(1, 255))
    evidence = disclosed(4, 1, pages={4: {1: bytes(page)}}, proofs={4: {1: bytes(proof)}})
    assert check(evidence, pages=[(4, 1)]).exit_code == 1


# Whatever the folder holds.


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


def test_golden_chip_is_what_signs() -> None:
    assert golden.Chip(b"", CHIP_SEED).public_key == certificate.parse(honest().certificate).public_key
