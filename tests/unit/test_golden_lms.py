"""HSS/LMS verification: the RFCs' test cases, an independent signer, and every field of a signature corrupted."""

import hashlib
import random
from collections.abc import Iterator
from functools import cache

import pytest
from pyhsslms import pyhsslms

from formats import lms as formats
from sim.golden.lms import SHAKE256_192, ParameterSet, lmots_chain, signature_bytes, verify_hss
from tests.unit.lms_vectors import RFC_8554_F_1, RFC_8554_F_2, RFC_9858_A_2

SHA256 = ParameterSet(lambda message: hashlib.sha256(message).digest(), 32, {3: 4, 4: 8}, {5: 5, 6: 10}, 8)
SHAKE256_192_W8 = ParameterSet(SHAKE256_192.hash, 24, {0x10: 8}, {0x14: 5}, 8)
H5, H10 = pyhsslms.lms_shake_m24_h5, pyhsslms.lms_shake_m24_h10
W4 = pyhsslms.lmots_shake_n24_w4
MESSAGE = b"livetrap firmware image\x01" + bytes(range(32))

PUBLISHED = [(RFC_8554_F_1, SHA256), (RFC_8554_F_2, SHA256), (RFC_9858_A_2, SHAKE256_192_W8)]


def tree(lms_type: bytes, leaf: int = 0):
    source = random.Random(lms_type)
    return pyhsslms.LmsPrivateKey(lms_type, W4, source.randbytes(24), source.randbytes(16), leaf)


@cache
def signed(*lms_types: bytes) -> tuple[bytes, bytes]:
    """A key and its signature of MESSAGE by pyhsslms, with trees of these types."""
    root = tree(lms_types[0], 3)
    key = pyhsslms.HssPrivateKey(levels=len(lms_types), lms_type=lms_types[-1], lmots_type=W4, prvs=[root])
    for _ in range(4):
        signature = key.sign(MESSAGE)
    return key.publicKey().serialize(), signature


def parts(heights: list[int]) -> Iterator[tuple[str, int, int]]:
    """(name, offset, bytes) of each field of a signature, in order."""
    at = 0
    fields = [("levels", 4)]
    for level, height in enumerate(heights):
        if level:
            fields += [("key's LMS type", 4), ("key's LM-OTS type", 4), ("key's I", 16), ("key's root", 24)]
        fields += [("q", 4), ("LM-OTS type", 4), ("C", 24), *((f"y[{i}]", 24) for i in range(51))]
        fields += [("LMS type", 4), *((f"path[{i}]", 24) for i in range(height))]
    for name, size in fields:
        yield name, at, size
        at += size


@pytest.mark.parametrize(("case", "parameters"), PUBLISHED)
def test_published_cases(case, parameters):
    key, message, signature = map(bytes.fromhex, case)
    assert verify_hss(key, message, signature, parameters)
    assert not verify_hss(key, message[:-1], signature, parameters)
    assert not verify_hss(key, message, signature), "another parameter set than the project's"
    source = random.Random(1)
    for position in source.sample(range(len(signature)), 40):
        damaged = bytearray(signature)
        damaged[position] ^= 1 << source.randrange(8)
        assert not verify_hss(key, message, bytes(damaged), parameters), position


@pytest.mark.parametrize("heights", [[5], [10], [5, 5], [10, 5]])
def test_pyhsslms_signs_what_is_accepted(heights):
    key, signature = signed(*({5: H5, 10: H10}[height] for height in heights))
    assert len(key) == formats.HSS_KEY_BYTES and len(signature) == signature_bytes(heights)
    assert verify_hss(key, MESSAGE, signature)
    assert not verify_hss(key, MESSAGE + b"\0", signature)
    assert not verify_hss(key, b"", signature)


def test_the_formats_numbers_are_those_of_the_standard():
    assert SHAKE256_192.chains(formats.WINTERNITZ) == (formats.CHAINS, formats.CHECKSUM_SHIFT)
    assert SHA256.chains(4) == (67, 4) and SHA256.chains(8) == (34, 0), "RFC 8554 table 1"
    assert SHA256.chains(1) == (265, 7) and SHA256.chains(2) == (133, 6)
    assert signature_bytes([10, 10]) == formats.MAX_HSS_SIGNATURE_BYTES == 3052
    *_, (_, at, size) = parts([10, 5])
    assert at + size == signature_bytes([10, 5])


@pytest.mark.parametrize("heights", [[5], [5, 5]])
def test_every_byte_counts(heights):
    key, signature = signed(*[H5] * len(heights))
    source = random.Random(2)
    for position in range(len(signature)):
        damaged = bytearray(signature)
        damaged[position] ^= 1 << source.randrange(8)
        assert not verify_hss(key, MESSAGE, bytes(damaged)), position
    for position in range(len(key)):
        damaged = bytearray(key)
        damaged[position] ^= 1 << source.randrange(8)
        assert not verify_hss(bytes(damaged), MESSAGE, signature), position


@pytest.mark.parametrize("heights", [[5], [10, 5]])
def test_every_field_counts(heights):
    """Zeroed, filled, replaced by other bytes, and each type by every type that there is."""
    key, signature = signed(*({5: H5, 10: H10}[height] for height in heights))
    source = random.Random(3)
    for name, at, size in parts(heights):
        others = [bytes(size), b"\xff" * size, source.randbytes(size)]
        if name.endswith("type") or name in ("q", "levels"):
            others += [value.to_bytes(4, "big") for value in range(40)]
        for other in others:
            if other != signature[at : at + size]:
                assert not verify_hss(key, MESSAGE, signature[:at] + other + signature[at + size :]), name


def test_every_length_but_one_is_refused():
    key, signature = signed(H5, H5)
    for size in range(len(signature)):
        assert not verify_hss(key, MESSAGE, signature[:size])
    for surplus in (1, 4, 24, 1380, 1432):
        assert not verify_hss(key, MESSAGE, signature + bytes(surplus))
        assert not verify_hss(key + bytes(surplus), MESSAGE, signature)
    for size in range(len(key)):
        assert not verify_hss(key[:size], MESSAGE, signature)


def test_levels_are_bound():
    """A signature with fewer levels than the key's, with more, or whose key says something else."""
    one_key, one = signed(H5)
    two_key, two = signed(H5, H5)
    # The same root: what it signed in `two` is the lower key, as a message of one level.
    assert one_key[4:] == two_key[4:]
    lower = two[4 + formats.lms_signature_bytes(5) :][: formats.LMS_KEY_BYTES]
    assert verify_hss(one_key, lower, bytes(4) + two[4 : 4 + formats.lms_signature_bytes(5)])
    assert not verify_hss(two_key, lower, bytes(4) + two[4 : 4 + formats.lms_signature_bytes(5)])
    assert not verify_hss(two_key, MESSAGE, one) and not verify_hss(one_key, MESSAGE, two)
    for levels in (0, 1, 3, 2**32 - 1):
        assert not verify_hss(levels.to_bytes(4, "big") + two_key[4:], MESSAGE, two)


def test_three_levels_are_refused():
    root = tree(H5)
    key = pyhsslms.HssPrivateKey(levels=3, lms_type=H5, lmots_type=W4, prvs=[root])
    signature = key.sign(MESSAGE)
    assert key.publicKey().verify(MESSAGE, signature)
    assert not verify_hss(key.publicKey().serialize(), MESSAGE, signature)


@pytest.mark.parametrize(
    ("lms_type", "lmots_type"),
    [
        (pyhsslms.lms_shake_m24_h5, pyhsslms.lmots_shake_n24_w8),
        (pyhsslms.lms_shake_m24_h5, pyhsslms.lmots_shake_n24_w2),
        (pyhsslms.lms_shake_m32_h5, pyhsslms.lmots_shake_n32_w4),
        (pyhsslms.lms_sha256_m24_h5, pyhsslms.lmots_sha256_n24_w4),
        (pyhsslms.lms_sha256_m32_h5, pyhsslms.lmots_sha256_n32_w4),
    ],
)
def test_other_parameter_sets_are_refused(lms_type, lmots_type):
    key = pyhsslms.HssPrivateKey(levels=1, lms_type=lms_type, lmots_type=lmots_type)
    signature = key.sign(MESSAGE)
    assert key.publicKey().verify(MESSAGE, signature)
    assert not verify_hss(key.publicKey().serialize(), MESSAGE, signature)


def test_a_lower_key_of_another_parameter_set_is_refused():
    lower = pyhsslms.LmsPrivateKey(H5, pyhsslms.lmots_shake_n24_w8)
    root = tree(H5)
    signatures = [root.sign(lower.publicKey().serialize())]
    options = {"lmots_type": W4, "prvs": [root, lower], "sigs": signatures, "remaining_signatures": 1}
    key = pyhsslms.HssPrivateKey(levels=2, lms_type=H5, **options)
    signature = key.sign(MESSAGE)
    assert key.publicKey().verify(MESSAGE, signature)
    assert not verify_hss(key.publicKey().serialize(), MESSAGE, signature)


def test_chains_compose_and_depend_on_everything():
    source = random.Random(4)
    identifier, value = source.randbytes(16), source.randbytes(24)
    whole = lmots_chain(identifier, 5, 7, 0, 15, value)
    for middle in range(16):
        assert lmots_chain(identifier, 5, 7, middle, 15, lmots_chain(identifier, 5, 7, 0, middle, value)) == whole
    one = hashlib.shake_256(identifier + bytes.fromhex("0000000500070e") + value).digest(24)
    assert lmots_chain(identifier, 5, 7, 14, 15, value) == one
    assert lmots_chain(identifier, 5, 7, 9, 9, value) == lmots_chain(identifier, 5, 7, 9, 3, value) == value
    others = {
        lmots_chain(identifier, q, chain, 0, end, value) for q in (5, 6) for chain in (7, 8) for end in (14, 15)
    }
    assert len(others) == 8
