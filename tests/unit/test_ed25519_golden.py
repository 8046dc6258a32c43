"""The golden Ed25519 against RFC 8032 section 7.1, Wycheproof, and an independent implementation."""

import random

import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from sim.golden.ed25519 import (
    BASE,
    IDENTITY,
    ORDER,
    PRIME,
    check_public_key,
    decode_point,
    expand_seed,
    point,
    public_key,
    sign,
    verify,
)
from tests.unit.ed25519_vectors import rfc_8032_ed25519, wycheproof_ed25519

ORDER_2 = point(0, PRIME - 1)


def test_rfc_8032_section_7_1():
    vectors = rfc_8032_ed25519()
    assert [len(vector.message) for vector in vectors] == [0, 1, 2, 1023, 64]
    for seed, key, message, signature in vectors:
        assert public_key(seed) == key
        assert sign(seed, message) == signature
        assert verify(key, message, signature)
        assert check_public_key(key)


def test_wycheproof():
    vectors = wycheproof_ed25519()
    assert {vector.result for vector in vectors} == {"valid", "invalid", "acceptable"}
    for number, key, message, signature, result, _ in vectors:
        if result != "acceptable":
            assert verify(key, message, signature) == (result == "valid"), number


def test_keys_of_wycheproof_with_a_part_of_small_order_are_refused():
    weak = {"MixedOrderPublicKey", "SmallOrderPublicKey"}
    refused = 0
    for vector in wycheproof_ed25519():
        if vector.result == "acceptable" and weak & set(vector.flags):
            assert not check_public_key(vector.public_key), vector.number
            refused += 1
    assert refused


def test_signatures_equal_pycryptodome():
    source = random.Random(1)
    for length in (0, 1, 31, 111, 112, 128, 432, 1024):
        seed, message = source.randbytes(32), source.randbytes(length)
        key = eddsa.import_private_key(seed)
        assert public_key(seed) == key.public_key().export_key(format="raw")
        assert sign(seed, message) == eddsa.new(key, "rfc8032").sign(message)


def test_what_is_changed_does_not_verify():
    source = random.Random(2)
    seed, message = source.randbytes(32), source.randbytes(100)
    key, signature = public_key(seed), sign(seed, message)
    for at in range(0, 64, 5):
        wrong = bytearray(signature)
        wrong[at] ^= 1 << source.randrange(8)
        assert not verify(key, message, bytes(wrong))
    response = int.from_bytes(signature[32:], "little")
    assert not verify(key, message, signature[:32] + (response + ORDER).to_bytes(32, "little"))
    assert not verify(key, message[:-1], signature)
    assert not verify(key, message, signature[:-1])
    assert not verify(public_key(source.randbytes(32)), message, signature)


def test_encodings():
    assert ECC.construct(curve="ed25519", point_x=BASE.affine()[0], point_y=BASE.affine()[1])
    assert decode_point(BASE.encode()).affine() == BASE.affine()
    assert (ORDER * BASE).is_identity()
    assert decode_point((PRIME + 1).to_bytes(32, "little")) is None, "y >= p"
    assert decode_point((1 | 1 << 255).to_bytes(32, "little")) is None, "x = 0 with a sign"
    assert decode_point((2).to_bytes(32, "little")) is None, "not on the curve"
    assert decode_point(bytes(31)) is None


@pytest.mark.parametrize("weak", [IDENTITY, ORDER_2])
def test_small_and_mixed_orders(weak):
    assert weak.is_small_order()
    assert not check_public_key(weak.encode())
    if not weak.is_identity():
        assert not (BASE + weak).is_small_order()
        assert not check_public_key((BASE + weak).encode())


def test_clamping_and_seed_length():
    scalar, prefix = expand_seed(bytes(32))
    assert scalar % 8 == 0 and scalar >> 254 == 1 and len(prefix) == 32
    with pytest.raises(ValueError, match="32"):
        expand_seed(bytes(31))
