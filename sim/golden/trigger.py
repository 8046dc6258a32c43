"""The random trigger's draws and hits, as a function of its seed: paper 1.4's Poisson process, trial by trial."""

from collections.abc import Iterator

from formats.hashing import SHAKE256_RATE_BYTES

from .keccak import shake256

KEY_BYTES = 32


def draws(key: bytes) -> Iterator[int]:
    """The DRBG's 64-bit draws, without end, from its first key of 32 bytes.

    Each block of SHAKE256(key) is the next key (32 bytes) and then 13 draws, little-endian: the key that
    made a draw is gone when the draw is used (fast key erasure).
    """
    while True:
        block = shake256(key, SHAKE256_RATE_BYTES)
        key = block[:KEY_BYTES]
        for at in range(KEY_BYTES, SHAKE256_RATE_BYTES, 8):
            yield int.from_bytes(block[at : at + 8], "little")


def hits(key: bytes, rate: int, ticks: int) -> list[int]:
    """Numbers of the ticks, from 0, at which a trigger of this rate (in units of 2**-64 per tick) fires."""
    return [tick for tick, draw in zip(range(ticks), draws(key), strict=False) if draw < rate]
