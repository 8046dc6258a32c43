"""What a run's short seed decides: initial weights and the order of the data (paper 1.6 and 4.1).

    salt_i   = SHAKE256("livetrap salt" ‖ key ‖ u64 i)
    d_i      = SHAKE256("livetrap example" ‖ salt_i ‖ example i)
    seed     = SHAKE256("livetrap seed" ‖ SHAKE256("livetrap data" ‖ d_0 ‖ d_1 ‖ ...) ‖ randomness)
    stream L = SHAKE256("livetrap stream" ‖ seed ‖ label L), as long as needed

All outputs but streams have 32 bytes; integers are little-endian. One changed example changes every weight and the
whole order; the Verifier's randomness keeps a Prover from choosing data for the sake of the seed.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from formats.hashing import DIGEST_BYTES
from sim.golden.keccak import shake256

BYTES_PER_WEIGHT = 4
WEIGHT_DEVIATION = 147.8
"""Standard deviation of a sum of four uniform bytes."""


def data_digests(examples: Sequence[bytes], salt_key: bytes) -> list[bytes]:
    """d_i of every example, in dataset order."""
    return [
        shake256(b"livetrap example" + _salt(salt_key, index) + example, DIGEST_BYTES)
        for index, example in enumerate(examples)
    ]


def _salt(key: bytes, index: int) -> bytes:
    return shake256(b"livetrap salt" + key + index.to_bytes(8, "little"), DIGEST_BYTES)


def run_seed(digests: Sequence[bytes], randomness: bytes) -> bytes:
    """The seed of a run on data with these digests; randomness: 32 bytes, the Verifier's."""
    data = shake256(b"livetrap data" + b"".join(digests), DIGEST_BYTES)
    return shake256(b"livetrap seed" + data + randomness, DIGEST_BYTES)


def stream(seed: bytes, label: str, length: int) -> bytes:
    """So many bytes of the stream with a label."""
    return shake256(b"livetrap stream" + seed + label.encode(), length)


def initial_weights(seed: bytes, label: str, rows: int, columns: int, scale: int) -> NDArray[np.int16]:
    """int16 weights, nearly normal, with a standard deviation of about 147.8 * scale / 16.

    Each is floor((b0 + b1 + b2 + b3 - 510) * scale / 16) of four bytes of the stream, row by row.
    """
    data = np.frombuffer(stream(seed, label, BYTES_PER_WEIGHT * rows * columns), np.uint8)
    sums = data.reshape(rows, columns, BYTES_PER_WEIGHT).astype(np.int32).sum(axis=2) - 510
    weights: NDArray[np.int16] = (sums * scale >> 4).astype(np.int16)
    return weights


def order(seed: bytes, label: str, count: int) -> NDArray[np.int64]:
    """A permutation of range(count): the numbers sorted by a u64 each of the stream; the lower first on a tie."""
    keys = np.frombuffer(stream(seed, label, 8 * count), "<u8")
    return np.argsort(keys, kind="stable")
