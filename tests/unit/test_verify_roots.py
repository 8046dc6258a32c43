"""Verification of what was there: roots from pages and from the record."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence_story import HEAD, LAST_SNAPSHOT, MID_RECORD, PAGES, forged, honest, values_of
from tests.unit.verify_bench import ONES, assert_rejected, assert_unchecked, check


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


@pytest.mark.parametrize("page, data", [(0, bytes(4095)), (1, b""), (3, bytes(4096))])
def test_pages_of_another_size_or_place(page: int, data: bytes) -> None:
    pages = {**honest().pages, 1: {**honest().pages[1], page: data}}
    assert_rejected(check(replace(honest(), pages=pages, record=None)), "statement 1", f"page {page}")


def test_pages_of_a_statement_that_is_no_snapshot() -> None:
    pages = {**honest().pages, HEAD: {0: bytes(4096)}}
    assert_rejected(check(replace(honest(), pages=pages)), f"statement {HEAD}", "kind")
    pages = {**honest().pages, 77: {0: bytes(4096)}}
    assert_rejected(check(replace(honest(), pages=pages)), "statement 77", "seq")
