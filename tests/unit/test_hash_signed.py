"""Receipts and approvals: one form each, under an HSS key, and everything else is named."""

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.hashing import Domain
from formats.link import PACKET_BYTES
from formats.lms import MAX_HSS_SIGNATURE_BYTES
from host import hss
from host.errors import EvidenceError, FieldError
from host.evidence import approval, cbor, hash_signed, receipt
from host.evidence.hash_keys import read_hss_public, write_hss_public
from host.evidence.statement import Statement, parse
from sim.golden.keccak import turboshake128
from tests.evidence_story import honest

SNAPSHOT = parse(honest().statements[1])
OTHER = parse(honest().statements[4])
NO_SIGNATURE = bytes(100)


def unsigned(message: bytes) -> bytes:
    return NO_SIGNATURE


def receipt_claims(statement: Statement = SNAPSHOT, **change: object) -> dict[int, object]:
    names = {"ueid": 256, "profile": 265, "seq": -65538, "digest": -65554}
    digest = turboshake128(statement.encoded, Domain.CHAIN)
    claims = {256: statement.ueid, 265: receipt.PROFILE, -65538: statement.seq.to_bytes(8, "big"), -65554: digest}
    return claims | {names[name]: value for name, value in change.items()}


def test_a_receipt(hss_key: Path) -> None:
    with hss.open_key(hss_key) as key:
        made = receipt.issue(SNAPSHOT, key.sign)
        second = receipt.issue(OTHER, key.sign)
    found = receipt.parse(made)
    assert (found.ueid, found.seq) == (SNAPSHOT.ueid, 1)
    assert cbor.decode(found.signed.payload) == receipt_claims()
    receipt.check(found, SNAPSHOT, key.public_key)
    for wrong, statement, field in (
        (found, OTHER, "seq"),
        (receipt.parse(second), SNAPSHOT, "seq"),
        (receipt.parse(hash_signed.make(receipt_claims(digest=bytes(32)), unsigned)), SNAPSHOT, "digest"),
        (receipt.parse(hash_signed.make(receipt_claims(ueid=b"\x01" + bytes(16)), unsigned)), SNAPSHOT, "ueid"),
        (receipt.parse(hash_signed.make(receipt_claims(), unsigned)), SNAPSHOT, "signature"),
    ):
        with pytest.raises(FieldError) as caught:
            receipt.check(wrong, statement, key.public_key)
        assert caught.value.field == field
    with pytest.raises(FieldError, match="signature"):
        receipt.check(found, SNAPSHOT, hss.generate(1, 5).public_key)


def test_an_approval(hss_key: Path) -> None:
    with hss.open_key(hss_key) as key:
        made = approval.issue(OTHER, key.sign)
    assert (made.ueid, made.seq, made.chain) == (OTHER.ueid, OTHER.seq, OTHER.chain)
    assert approval.parse(made.encoded) == made
    assert made.digest == turboshake128(made.encoded, Domain.APPROVAL)
    approval.check(made, key.public_key)
    with pytest.raises(FieldError, match="signature"):
        approval.check(made, hss.generate(1, 5).public_key)
    claims = {256: OTHER.ueid, 265: receipt.PROFILE, -65538: bytes(8), -65547: bytes(32)}
    with pytest.raises(FieldError, match="eat_profile"):
        approval.parse(hash_signed.make(claims, unsigned))


def test_every_byte_of_a_receipt_matters(hss_key: Path) -> None:
    with hss.open_key(hss_key) as key:
        made = receipt.issue(SNAPSHOT, key.sign)
    for at in [*range(200), *range(200, len(made), 97)]:
        spoilt = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
        with pytest.raises(FieldError):
            receipt.check(receipt.parse(spoilt), SNAPSHOT, key.public_key)


@pytest.mark.parametrize(
    "change, field",
    [
        (lambda parts: [b"\xa1\x01\x27", *parts[1:]], "protected header"),
        (lambda parts: [parts[0], {4: b""}, *parts[2:]], "unprotected header"),
        (lambda parts: [*parts[:2], None, parts[3]], "payload"),
        (lambda parts: [*parts[:2], b"\xa0\x00", parts[3]], "payload"),
        (lambda parts: [*parts[:2], cbor.encode([1]), parts[3]], "payload"),
        (lambda parts: [*parts[:3], "text"], "signature"),
        (lambda parts: [*parts[:3], b""], "signature"),
        (lambda parts: parts[:3], "COSE_Sign1"),
        (lambda parts: 5, "COSE_Sign1"),
        (lambda parts: [*parts[:3], bytes(hash_signed.MAX_BYTES)], "COSE_Sign1"),
    ],
)
def test_other_forms_are_named(change: Callable[[list[object]], object], field: str) -> None:
    parts = [hash_signed.PROTECTED, {}, cbor.encode(receipt_claims()), NO_SIGNATURE]
    with pytest.raises(FieldError) as caught:
        receipt.parse(cbor.encode(cbor.Tag(18, change(parts))))
    assert (caught.value.subject, caught.value.field) == ("receipt", field)


@pytest.mark.parametrize(
    "claims, field",
    [
        (receipt_claims(ueid=b"\x02" + bytes(16)), "ueid"),
        (receipt_claims(ueid=bytes(16)), "claim 256"),
        (receipt_claims(seq=1), "claim -65538"),
        (receipt_claims(digest=bytes(31)), "claim -65554"),
        (receipt_claims(profile=approval.PROFILE), "eat_profile"),
        ({**receipt_claims(), 6: 1}, "payload"),
        ({265: receipt.PROFILE}, "payload"),
    ],
)
def test_other_claims_are_named(claims: dict[int, object], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        receipt.parse(hash_signed.make(claims, unsigned))
    assert caught.value.field == field


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for parse_one in (receipt.parse, approval.parse):
        with pytest.raises(FieldError):
            parse_one(data)


def test_the_largest_fits_into_a_request() -> None:
    """Header and CBOR around it have less than 64 bytes."""
    largest = hash_signed.make(receipt_claims(), lambda message: bytes(MAX_HSS_SIGNATURE_BYTES))
    assert len(largest) <= hash_signed.MAX_BYTES and len(largest) + 64 < PACKET_BYTES


@pytest.mark.parametrize("name, module", [("receipt", receipt), ("approval", approval)])
def test_the_cddl_says_the_same(name: str, module: object) -> None:
    text = files("formats").joinpath(f"{name}.cddl").read_text()
    claims = text.split(f"{name}-claims = {{", 1)[1].split("\n}", 1)[0]
    keys = [int(key) for key in re.findall(r"^ +(-?\d+) =>", claims, re.M)]
    other = module.DIGEST if name == "receipt" else module.CHAIN
    assert keys == [256, 265, module.SEQ, other]
    assert f'265 => "{module.PROFILE}"' in claims and f"{module.SEQ} => bstr .size {module.SEQ_BYTES}," in claims
    assert "{ 1 => -46 }" in text and cbor.decode(hash_signed.PROTECTED) == {1: -46}


def test_hss_public_keys_in_files(hss_key: Path, tmp_path: Path) -> None:
    """RFC 9708: the bit string of the SubjectPublicKeyInfo is the key itself."""
    key = read_hss_public(hss_key.with_name("key.pub"))
    assert key == hss.public_key(hss_key)
    with pytest.raises(EvidenceError, match="exists already"):
        write_hss_public(hss_key.with_name("key.pub"), key)
    with pytest.raises(EvidenceError, match="No such file"):
        read_hss_public(tmp_path / "absent")
    for at, bad in ((3, b"\x03"), (7, b"\x13"), (11, b"\x0c")):
        path = tmp_path / f"key{at}"
        write_hss_public(path, key[:at] + bad + key[at + 1 :])
        with pytest.raises(EvidenceError, match="parameter set"):
            read_hss_public(path)
    write_hss_public(tmp_path / "short", key[:-1])
    with pytest.raises(EvidenceError, match="RFC 9708"):
        read_hss_public(tmp_path / "short")
