"""GATHER: docs/arithmetic.md, "Gather"."""

import numpy as np

from formats.descriptor import Descriptor, Flag, Operand

from .image import Image, matrix
from .operands import source_row_bytes


def gather(image: Image, descriptor: Descriptor, iteration: int) -> None:
    """Carries out a GATHER descriptor in place. Indices beyond the table mean its last row."""
    m, n, group, flags = descriptor.m, descriptor.n, descriptor.group, descriptor.flags
    width = np.uint16 if flags & Flag.INDEX16 else np.uint8
    indices_at = Operand(descriptor.b.address + iteration * descriptor.advance, descriptor.b.stride)
    indices = np.minimum(matrix(image, indices_at, m, group, width).astype(np.uint16), descriptor.k - 1).reshape(-1)
    rows = matrix(image, descriptor.a, descriptor.k, source_row_bytes(descriptor), np.uint8)[indices]
    if flags & Flag.NIBBLES:
        rows = np.stack([rows & 15, rows >> 4], axis=2).reshape(m * group, n) << 3
    matrix(image, descriptor.c, m * group, n, np.uint8)[:] = rows
