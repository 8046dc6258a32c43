"""Verification that nothing is missing: statements left out, cut off, reordered or repeated; the chain."""

from dataclasses import replace

import pytest

from sim.golden.statement import encode
from tests.evidence_story import CHIP_SEED, LAST, NONCE, honest, values_of
from tests.unit.verify_bench import ONES, assert_rejected, assert_unchecked, check, with_statement


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


def test_the_chain() -> None:
    broken = encode({**values_of(honest().statements[4]), "chain": ONES}, CHIP_SEED)
    assert_rejected(check(with_statement(4, broken)), "statement 4", "chain")


def test_first_statement_has_no_chain() -> None:
    broken = encode({**values_of(honest().statements[0]), "chain": ONES}, CHIP_SEED)
    assert_rejected(check(with_statement(0, broken)), "statement 0", "chain")


def test_without_a_challenge_the_logs_end_is_open() -> None:
    assert_unchecked(check(replace(honest(), challenges=())), "the log's end may have been cut off")
