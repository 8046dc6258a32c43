"""Receipts and approvals: the templates against CBOR by an independent encoder, and the COSE_Sign1 around them."""

import random

import cbor2
import pytest

from formats import countersignature
from formats.countersignature import PROTECTED, SIG_STRUCTURE_PREFIX, SIGN1_PREFIX, template
from formats.lms import COSE_ALGORITHM
from formats.statement import cbor_bytes

CLAIMS = {
    "receipt": {"ueid": (256, 17), "seq": (-65538, 8), "digest": (-65554, 32)},
    "approval": {"ueid": (256, 17), "seq": (-65538, 8), "chain": (-65547, 32)},
}
"""Name -> (label, bytes)."""

EAT_PROFILE = 265


def filled(kind: str, seed: int) -> tuple[bytes, dict[int, object]]:
    """A payload with random values, and its claims."""
    source = random.Random(seed)
    values = {name: source.randbytes(size) for name, (_, size) in CLAIMS[kind].items()}
    claims: dict[int, object] = {CLAIMS[kind][name][0]: value for name, value in values.items()}
    return template(kind).fill(**values), claims | {EAT_PROFILE: f"urn:livetrap:{kind}:v1"}


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize("seed", range(20))
def test_a_payload_is_the_deterministic_encoding_of_its_claims(kind, seed):
    payload, claims = filled(kind, seed)
    assert payload == cbor2.dumps(claims, canonical=True)
    assert cbor2.loads(payload) == claims


@pytest.mark.parametrize("kind", CLAIMS)
def test_slots_are_where_their_values_are(kind):
    payload, claims = filled(kind, 1)
    slots = template(kind).slots
    assert {name: size for name, (_, size) in slots.items()} == {
        name: size for name, (_, size) in CLAIMS[kind].items()
    }
    for name, (offset, size) in slots.items():
        assert payload[offset : offset + size] == claims[CLAIMS[kind][name][0]]
    assert len(payload) == len(template(kind).payload)
    assert 24 <= len(payload) < 256, "firmware reads a one-byte length"


@pytest.mark.parametrize("kind", CLAIMS)
def test_values_of_another_size_or_name_are_refused(kind):
    values = {name: bytes(size) for name, (_, size) in CLAIMS[kind].items()}
    assert template(kind).fill(**values) == template(kind).payload
    for name, value in values.items():
        for wrong in (b"", value[:-1], value + b"\0"):
            with pytest.raises(ValueError, match=name):
                template(kind).fill(**{**values, name: wrong})
        with pytest.raises(ValueError, match="slots"):
            template(kind).fill(**{key: value for key, value in values.items() if key != name})
    with pytest.raises(ValueError, match="slots"):
        template(kind).fill(**values, other=b"")


def test_the_protected_header_names_the_algorithm():
    assert cbor2.dumps({1: COSE_ALGORITHM}, canonical=True) == PROTECTED


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize("signature_bytes", [1384, 2812, 3052])
def test_the_prefixes_begin_a_sign1_and_a_sig_structure(kind, signature_bytes):
    payload, _ = filled(kind, 2)
    signature = random.Random(3).randbytes(signature_bytes)
    sign1 = SIGN1_PREFIX + cbor_bytes(payload) + cbor_bytes(signature)
    assert sign1 == cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, payload, signature]), canonical=True)
    to_be_signed = SIG_STRUCTURE_PREFIX + cbor_bytes(payload)
    assert to_be_signed == cbor2.dumps(["Signature1", PROTECTED, b"", payload], canonical=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("    256 => tstr,                       ; ueid: the chip", "not a claim"),
        ("    256 => bstr .size 17,", "not a claim"),
        ("    -65600 => bstr .size 17,           ; ueid: the chip", "out of order"),
    ],
)
def test_a_cddl_that_is_not_understood_is_refused(monkeypatch, tmp_path, line, message):
    text = (countersignature.files("formats").joinpath("receipt.cddl")).read_text()
    first = next(old for old in text.splitlines() if "; ueid" in old)
    (tmp_path / "receipt.cddl").write_text(text.replace(first, line))
    monkeypatch.setattr(countersignature, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=message):
        template.__wrapped__("receipt")
