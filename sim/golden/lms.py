"""HSS/LMS verification (RFC 8554, with the SHAKE256/192 parameter sets of SP 800-208), written from the standards.

All is for the project's parameter set (formats/lms.py) and refuses every other, unless a ParameterSet is given: so
published test cases of other hash functions run through the same code.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from formats.lms import (
    HASH_BYTES,
    IDENTIFIER_BYTES,
    LMOTS_SHAKE_N24_W4,
    LMS_KEY_BYTES,
    LMS_SHAKE_M24_HEIGHTS,
    MAX_LEVELS,
    WINTERNITZ,
    lms_signature_bytes,
)

D_PBLC = b"\x80\x80"
D_MESG = b"\x81\x81"
D_LEAF = b"\x82\x82"
D_INTR = b"\x83\x83"
"""Domains of the four hashes: RFC 8554 3.1.1."""


@dataclass(frozen=True)
class ParameterSet:
    """hash: H, with `size` bytes of output (n of LM-OTS and m of LMS). winternitz: LM-OTS type -> w, one of 1, 2, 4
    and 8. heights: LMS type -> h. levels: at most so many in HSS."""

    hash: Callable[[bytes], bytes]
    size: int
    winternitz: Mapping[int, int]
    heights: Mapping[int, int]
    levels: int

    def chains(self, w: int) -> tuple[int, int]:
        """p, the chains of a one-time signature, and ls, the left shift of its checksum (RFC 8554 appendix B)."""
        digits = -(-8 * self.size // w)
        checksum_digits = -(-(((1 << w) - 1) * digits).bit_length() // w)
        return digits + checksum_digits, 16 - checksum_digits * w


def _shake256_192(message: bytes) -> bytes:
    return hashlib.shake_256(message).digest(HASH_BYTES)


SHAKE256_192 = ParameterSet(
    _shake256_192, HASH_BYTES, {LMOTS_SHAKE_N24_W4: WINTERNITZ}, LMS_SHAKE_M24_HEIGHTS, MAX_LEVELS
)
"""The project's parameter set."""


class _Refused(Exception):
    """INVALID, in the words of RFC 8554."""


class _Reader:
    """Takes bytes from the front; _Refused if there are fewer."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise _Refused
        self._at += size
        return piece

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def end(self) -> None:
        if self._at != len(self._data):
            raise _Refused


@dataclass(frozen=True)
class _PublicKey:
    """An LMS public key (RFC 8554 5.3) and its bytes."""

    encoded: bytes
    lms_type: int
    lmots_type: int
    identifier: bytes
    root: bytes

    @classmethod
    def read(cls, reader: _Reader, parameters: ParameterSet) -> "_PublicKey":
        encoded = reader.take(4 + 4 + IDENTIFIER_BYTES + parameters.size)
        lms_type, lmots_type = int.from_bytes(encoded[:4], "big"), int.from_bytes(encoded[4:8], "big")
        if lms_type not in parameters.heights or lmots_type not in parameters.winternitz:
            raise _Refused
        return cls(encoded, lms_type, lmots_type, encoded[8:24], encoded[24:])


def coefficient(value: bytes, index: int, w: int) -> int:
    """coef(S, i, w) of RFC 8554 3.1.3: digit number `index` of w bits, the most significant of each byte first."""
    return value[index * w // 8] >> 8 - (w * (index % (8 // w)) + w) & (1 << w) - 1


def checksum(value: bytes, w: int, shift: int) -> int:
    """Cksm(S) of RFC 8554 4.4 (algorithm 2)."""
    total = sum((1 << w) - 1 - coefficient(value, index, w) for index in range(8 * len(value) // w))
    return total << shift & 0xFFFF


def lmots_chain(
    identifier: bytes,
    q: int,
    chain: int,
    begin: int,
    end: int,
    value: bytes,
    parameters: ParameterSet = SHAKE256_192,
) -> bytes:
    """The element `end` of a Winternitz chain from its element `begin`: the inner loop of RFC 8554's algorithms 1, 3
    and 4b.

    identifier: 16 bytes. q: leaf. chain: 0 to p - 1. value: as many bytes as a hash. With begin >= end it stays as it
    is.
    """
    prefix = identifier + q.to_bytes(4, "big") + chain.to_bytes(2, "big")
    for j in range(begin, end):
        value = parameters.hash(prefix + j.to_bytes(1, "big") + value)
    return value


def _lms_signature_bytes(key: _PublicKey, parameters: ParameterSet) -> int:
    p, _ = parameters.chains(parameters.winternitz[key.lmots_type])
    return 4 + 4 + (1 + p) * parameters.size + 4 + parameters.heights[key.lms_type] * parameters.size


def _lmots_candidate(reader: _Reader, key: _PublicKey, q: int, message: bytes, parameters: ParameterSet) -> bytes:
    """Kc of algorithm 4b from the one-time signature that the reader is at."""
    if reader.u32() != key.lmots_type:
        raise _Refused
    w = parameters.winternitz[key.lmots_type]
    p, shift = parameters.chains(w)
    prefix = key.identifier + q.to_bytes(4, "big")
    digest = parameters.hash(prefix + D_MESG + reader.take(parameters.size) + message)
    digits = digest + checksum(digest, w, shift).to_bytes(2, "big")
    ends = []
    for index in range(p):
        begin = coefficient(digits, index, w)
        value = reader.take(parameters.size)
        ends.append(lmots_chain(key.identifier, q, index, begin, (1 << w) - 1, value, parameters))
    return parameters.hash(prefix + D_PBLC + b"".join(ends))


def _check_lms(key: _PublicKey, message: bytes, signature: bytes, parameters: ParameterSet) -> None:
    """Algorithms 6 and 6a."""
    height = parameters.heights[key.lms_type]
    reader = _Reader(signature)
    q = reader.u32()
    if q >= 1 << height:
        raise _Refused
    candidate = _lmots_candidate(reader, key, q, message, parameters)
    if reader.u32() != key.lms_type:
        raise _Refused
    node = (1 << height) + q
    value = parameters.hash(key.identifier + node.to_bytes(4, "big") + D_LEAF + candidate)
    for _ in range(height):
        sibling = reader.take(parameters.size)
        pair = sibling + value if node & 1 else value + sibling
        node >>= 1
        value = parameters.hash(key.identifier + node.to_bytes(4, "big") + D_INTR + pair)
    reader.end()
    if value != key.root:
        raise _Refused


def verify_hss(key: bytes, message: bytes, signature: bytes, parameters: ParameterSet = SHAKE256_192) -> bool:
    """Whether an HSS signature holds (RFC 8554 6.3).

    key: u32 levels ‖ LMS public key. False for anything that is not exactly a key, or a signature under it, of the
    parameter set: other types or levels, missing or trailing bytes.
    """
    try:
        reader = _Reader(key)
        levels = reader.u32()
        public = _PublicKey.read(reader, parameters)
        reader.end()
        if not 1 <= levels <= parameters.levels:
            return False
        reader = _Reader(signature)
        if reader.u32() != levels - 1:
            return False
        for _ in range(levels - 1):
            over_below = reader.take(_lms_signature_bytes(public, parameters))
            below = _PublicKey.read(reader, parameters)
            _check_lms(public, below.encoded, over_below, parameters)
            public = below
        _check_lms(public, message, reader.take(_lms_signature_bytes(public, parameters)), parameters)
        reader.end()
    except _Refused:
        return False
    return True


def signature_bytes(heights: Sequence[int]) -> int:
    """Bytes of a signature by the project's parameter set, for the heights of its trees from the root down."""
    return 4 + sum(map(lms_signature_bytes, heights)) + (len(heights) - 1) * LMS_KEY_BYTES
