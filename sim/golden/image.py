"""Matrices in a memory image, as views."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import Operand

Image = NDArray[np.uint8]
"""Accelerator memory: one element a byte."""


def matrix(image: Image, operand: Operand, rows: int, columns: int, dtype: Any = np.int8) -> NDArray[Any]:
    """A view of `rows` x `columns` little-endian integers, their first byte at the operand's address."""
    kind = np.dtype(dtype).newbyteorder("<")
    strides = (operand.stride, kind.itemsize)
    return np.ndarray((rows, columns), kind, image.data, operand.address, strides)
