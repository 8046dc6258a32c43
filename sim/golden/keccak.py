"""Keccak-p[1600, nr], TurboSHAKE128 and SHAKE256 on bytes.

`keccak_p`, `reference_turboshake128` and `reference_shake256` are NumPy, written from FIPS 202 and RFC 9861.
`turboshake128` and `shake256` give the same results from compiled libraries; everything that only needs a
digest calls those.
"""

import hashlib
from functools import cache

import numpy as np
from Crypto.Hash import TurboSHAKE128
from numpy.typing import NDArray

from formats.hashing import (
    DIGEST_BYTES,
    SHAKE256_DOMAIN,
    SHAKE256_RATE_BYTES,
    TURBOSHAKE128_RATE_BYTES,
)

LANES = 25
LANE_BITS = 64

Lanes = NDArray[np.uint64]


@cache
def rotation_offsets() -> tuple[int, ...]:
    """Rotation of each lane x + 5y by rho, modulo 64 (FIPS 202 3.2.2, algorithm 2)."""
    offsets = [0] * LANES
    x, y = 1, 0
    for t in range(24):
        offsets[x + 5 * y] = (t + 1) * (t + 2) // 2 % LANE_BITS
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(offsets)


def _round_constant_bits() -> list[int]:
    """The output rc(t) for t from 0 to 254 of the shift register of FIPS 202 3.2.5, algorithm 5."""
    register = [1, 0, 0, 0, 0, 0, 0, 0]
    bits = []
    for _ in range(255):
        bits.append(register[0])
        register = [0, *register]
        for tap in (0, 4, 5, 6):
            register[tap] ^= register[8]
        register = register[:8]
    return bits


@cache
def round_constants() -> tuple[int, ...]:
    """RC of the 24 rounds of Keccak-f[1600] (FIPS 202 3.2.5, algorithm 6)."""
    bits = _round_constant_bits()
    return tuple(sum(bits[(j + 7 * i) % 255] << ((1 << j) - 1) for j in range(7)) for i in range(24))


def _rotate(lanes: Lanes, offset: Lanes) -> Lanes:
    return (lanes << offset) | (lanes >> ((LANE_BITS - offset) % LANE_BITS))


_RHO: Lanes = np.array(rotation_offsets(), dtype=np.uint64).reshape(5, 5)
_ONE: Lanes = np.array(1, dtype=np.uint64)


def keccak_round(state: Lanes, constant: int) -> Lanes:
    """One round, iota(pi(rho(theta(state)))) with chi before iota (FIPS 202 3.2), on shape (..., 25)."""
    a = state.reshape(*state.shape[:-1], 5, 5)  # indexed y, x
    parity = np.bitwise_xor.reduce(a, axis=-2)
    d = np.roll(parity, 1, axis=-1) ^ _rotate(np.roll(parity, -1, axis=-1), _ONE)
    a = _rotate(a ^ d[..., None, :], _RHO)
    b = np.empty_like(a)
    for y in range(5):
        for x in range(5):
            b[..., y, x] = a[..., x, (x + 3 * y) % 5]
    b ^= ~np.roll(b, -1, axis=-1) & np.roll(b, -2, axis=-1)
    b[..., 0, 0] ^= np.uint64(constant)
    return b.reshape(state.shape)


def keccak_p(state: Lanes, rounds: int) -> Lanes:
    """Keccak-p[1600, rounds] (FIPS 202 3.3): the last `rounds` of the 24 rounds of Keccak-f[1600].

    state: uint64 of shape (..., 25), lane x + 5y at index x + 5y; many states at once on the leading axes.
    Returns a new array of the same shape. Raises ValueError unless 0 <= rounds <= 24.
    """
    if not 0 <= rounds <= 24 or state.shape[-1:] != (LANES,) or state.dtype != np.uint64:
        shape = f"{state.dtype}{list(state.shape)}"
        raise ValueError(f"Keccak-p takes at most 24 rounds and uint64[..., 25], not {rounds} and {shape}")
    for constant in round_constants()[24 - rounds :]:
        state = keccak_round(state, constant)
    return state


def _sponge(message: bytes, domain: int, rate: int, rounds: int, length: int) -> bytes:
    """RFC 9861 2.2, which FIPS 202 section 4 with the padding of section 6.2 equals for domain 0x1F."""
    padded = bytearray(message) + bytes([domain])
    padded += bytes(-len(padded) % rate)
    padded[-1] ^= 0x80
    state = np.zeros(LANES, dtype=np.uint64)
    for start in range(0, len(padded), rate):
        state = state.copy()
        state[: rate // 8] ^= np.frombuffer(padded, dtype="<u8", count=rate // 8, offset=start)
        state = keccak_p(state, rounds)
    output = state.astype("<u8").tobytes()[:rate]
    while len(output) < length:
        state = keccak_p(state, rounds)
        output += state.astype("<u8").tobytes()[:rate]
    return output[:length]


def _check_domain(domain: int) -> None:
    if not 0x01 <= domain <= 0x7F:
        raise ValueError(f"domain {domain:#x}: RFC 9861 2.1 allows 0x01 to 0x7f")


def reference_turboshake128(message: bytes, domain: int, length: int = DIGEST_BYTES) -> bytes:
    """`turboshake128` in NumPy, written from RFC 9861 section 2.2."""
    _check_domain(domain)
    return _sponge(message, domain, TURBOSHAKE128_RATE_BYTES, 12, length)


def reference_shake256(message: bytes, length: int) -> bytes:
    """`shake256` in NumPy, written from FIPS 202 sections 4 and 6.2."""
    return _sponge(message, SHAKE256_DOMAIN, SHAKE256_RATE_BYTES, 24, length)


def turboshake128(message: bytes, domain: int, length: int = DIGEST_BYTES) -> bytes:
    """TurboSHAKE128(message, domain, length) of RFC 9861 section 2.

    domain: 0x01 to 0x7F, otherwise ValueError. length: bytes of output.
    """
    _check_domain(domain)
    return TurboSHAKE128.new(domain=domain, data=message).read(length)


def shake256(message: bytes, length: int) -> bytes:
    """SHAKE256 of FIPS 202 section 6.2. length: bytes of output."""
    return hashlib.shake_256(message).digest(length)
