"""Verification of who signed: certificates, statements and keys that are altered, foreign or missing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.evidence.signature import public_key
from host.verify import verify
from sim.golden import chip as golden
from sim.golden.statement import encode
from tests.evidence_story import CHIP_SEED, certified, forged, honest, values_of
from tests.unit.verify_bench import ZEROS, assert_rejected, assert_unchecked, check, with_statement


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


@pytest.mark.parametrize("length", [0, 1, 100, 543])
def test_a_truncated_statement(length: int) -> None:
    report = check(with_statement(4, honest().statements[4][:length]))
    assert_rejected(report, "statement 4", "COSE_Sign1")


def test_a_statement_of_another_chip() -> None:
    values = {**values_of(honest().statements[4]), "ueid": b"\x01" + bytes(16)}
    assert_rejected(check(with_statement(4, encode(values, bytes(32)))), "statement 4", "signature")
    assert_rejected(check(forged(honest(), {4: {"ueid": b"\x01" + bytes(16)}})), "statement 4", "ueid")


def test_evidence_of_another_chip_with_this_chips_certificate() -> None:
    foreign = forged(honest(), {}, seed=bytes(32))
    assert_rejected(check(foreign), "statement 0", "signature")


def test_a_certificate_of_another_chip() -> None:
    foreign = certified(golden.Chip(bytes(16), bytes(32)))
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


def test_without_a_certificate_nothing_is_verified_or_rejected() -> None:
    assert_unchecked(check(replace(honest(), certificate=None)), "no certificate")
