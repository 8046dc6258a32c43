"""Verification of single pages by Merkle proof."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.evidence import cbor
from host.evidence.folder import Evidence
from host.verify.roots import PROOF
from sim.golden.merkle import inclusion_proof, leaf_digests
from tests.evidence_story import HEAD, LAST_SNAPSHOT, MID_RECORD, PAGES, honest, story
from tests.unit.verify_bench import assert_rejected, check


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
