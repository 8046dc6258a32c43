"""Strict CBOR: what decodes is what encodes, and everything else is refused with a reason."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.evidence import cbor

INTEGERS = st.integers(-(2**64), 2**64 - 1)
KEYS = st.one_of(INTEGERS, st.text(max_size=8), st.binary(max_size=8))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.text(max_size=40), st.binary(max_size=40)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


@given(VALUES)
def test_decodes_what_it_encodes(value: object) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(VALUES)
def test_cbor2_reads_the_same(value: object) -> None:
    assert cbor2.loads(cbor.encode(value)) == value


@given(INTEGERS)
def test_integers_are_as_cbor2_writes_them(value: int) -> None:
    assert cbor.encode(value) == cbor2.dumps(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_encode_back(data: bytes) -> None:
    try:
        value = cbor.decode(data, {18})
    except cbor.CborError:
        return
    assert cbor.encode(value) == data


@given(VALUES, st.data())
def test_a_changed_byte_is_refused_or_encodes_back(value: object, data: st.DataObject) -> None:
    encoded = bytearray(cbor.encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = cbor.decode(bytes(encoded))
    except cbor.CborError:
        return
    assert cbor.encode(changed) == encoded


@given(VALUES, st.data())
def test_what_is_cut_short_is_refused(value: object, data: st.DataObject) -> None:
    encoded = cbor.encode(value)
    with pytest.raises(cbor.CutShort):
        cbor.decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(st.lists(VALUES, max_size=5))
def test_sequences(values: list[object]) -> None:
    encoded = [cbor.encode(value) for value in values]
    found = list(cbor.decode_sequence(b"".join(encoded)))
    assert [value for value, _ in found] == values
    assert [end for _, end in found] == [sum(map(len, encoded[: index + 1])) for index in range(len(values))]


@pytest.mark.parametrize(
    "data, reason",
    [
        ("", "cut short"),
        ("1800", "shortest"),
        ("1817", "shortest"),
        ("190017", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("3800", "shortest"),
        ("580161", "shortest"),
        ("5f4161ff", "indefinite"),
        ("9f01ff", "indefinite"),
        ("bf0102ff", "indefinite"),
        ("7f6161ff", "indefinite"),
        ("ff", "indefinite"),
        ("1c", "reserved"),
        ("a201000100", "Duplicate"),
        ("a202000100", "order"),
        ("a220000100", "order"),
        ("a261610001", "cut short"),
        ("f97c00", "float"),
        ("fa47c35000", "float"),
        ("fb3ff0000000000000", "float"),
        ("f814", "float"),
        ("f7", "simple"),
        ("c001", "tag 0"),
        ("c24101", "tag 2"),
        ("d81c80", "tag 28"),
        ("d901028101", "tag 258"),
        ("0000", "follow"),
        ("a10102f6", "follow"),
        ("61ff", "text"),
        ("5bffffffffffffffff", "cut short"),
        ("9bffffffffffffffff", "cut short"),
        ("bbffffffffffffffff", "cut short"),
        ("81" * 40 + "01", "levels"),
    ],
)
def test_refuses(data: str, reason: str) -> None:
    with pytest.raises(cbor.CborError, match=reason):
        cbor.decode(bytes.fromhex(data), {18})


def test_map_keys_go_by_their_bytes() -> None:
    """RFC 8949 4.2.1, and not RFC 7049's shorter-first: 100 (18 64) sorts before -1 (20)."""
    assert cbor.encode({-1: 0, 100: 0, 10: 0, "": 0}).hex() == "a40a0018640020006000"


@pytest.mark.parametrize("value", [1.5, 2**64, -(2**64) - 1, object(), {1: {2: 3.0}}, "\ud800"])
def test_does_not_encode_what_is_outside_the_subset(value: object) -> None:
    with pytest.raises(cbor.CborError):
        cbor.encode(value)


def test_depth_is_bounded_when_encoding_too() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(cbor.CborError, match="levels"):
        cbor.encode(loop)
