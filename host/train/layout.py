"""Where tensors lie in accelerator memory."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import Operand
from formats.hashing import WORD_BYTES
from host.errors import LivetrapError
from sim.golden.image import matrix


@dataclass(frozen=True)
class Tensor:
    """A matrix of little-endian integers. stride: bytes from row to row. dtype: NumPy's name, such as "int8"."""

    name: str
    address: int
    rows: int
    columns: int
    stride: int
    dtype: str

    @property
    def operand(self) -> Operand:
        """As a descriptor names it."""
        return Operand(self.address, self.stride)

    @property
    def end(self) -> int:
        """One past its last byte."""
        return self.address + (self.rows - 1) * self.stride + self.columns * np.dtype(self.dtype).itemsize

    def view(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """Its elements in a memory image, which writing to the view changes."""
        return matrix(image, self.operand, self.rows, self.columns, self.dtype)

    def as_json(self) -> dict[str, Any]:
        """For a transcript's memory map."""
        return asdict(self)


class Layout:
    """Gives out memory from address 0 up, in whole words.

    capacity: bytes of memory. Tensors keep the order in which they were placed.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        """Bytes given out so far."""
        self.tensors: dict[str, Tensor] = {}

    def place(
        self, name: str, rows: int, columns: int, dtype: str = "int8", *, stride: int | None = None, extra: int = 0
    ) -> Tensor:
        """A new tensor, rows close together unless a stride is given, and `extra` bytes behind it.

        Raises LivetrapError when memory is not enough, ValueError when the name is taken.
        """
        if name in self.tensors:
            raise ValueError(f"there are two tensors {name}")
        row = columns * np.dtype(dtype).itemsize
        tensor = Tensor(name, self.size, rows, columns, row if stride is None else stride, dtype)
        self.size = -(-(tensor.end + extra) // WORD_BYTES) * WORD_BYTES
        if self.size > self.capacity:
            raise LivetrapError(f"{name} does not fit: it would end at byte {self.size} of {self.capacity}")
        self.tensors[name] = tensor
        return tensor

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def as_json(self) -> list[dict[str, Any]]:
        """The memory map."""
        return [tensor.as_json() for tensor in self.tensors.values()]


def joined_spans(tensors: Iterable[Tensor]) -> list[tuple[int, int]]:
    """First byte and end of each stretch of memory that these tensors make up, in whole words."""
    spans: list[tuple[int, int]] = []
    for tensor in sorted(tensors, key=lambda each: each.address):
        end = -(-tensor.end // WORD_BYTES) * WORD_BYTES
        if spans and spans[-1][1] >= tensor.address:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((tensor.address, end))
    return spans
