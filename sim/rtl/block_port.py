"""Ports of a verilated block: how Verilator stores their values, and how Python sees them."""

import ctypes
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

_STORAGE = (
    (8, ctypes.c_uint8, "B"),
    (16, ctypes.c_uint16, "H"),
    (32, ctypes.c_uint32, "I"),
    (64, ctypes.c_uint64, "Q"),
)
"""Verilator's variables: largest width, C type, array type code. Wider ports are arrays of 32-bit words."""


@dataclass(frozen=True)
class Port:
    """index: among the library's ports. width: in bits. settable: an input."""

    name: str
    index: int
    width: int
    signed: bool
    settable: bool

    @property
    def wide(self) -> bool:
        """Whether Verilator stores the value as an array of 32-bit words."""
        return self.width > 64

    @property
    def storage(self) -> int:
        """Bytes of Verilator's variable."""
        return next((bits // 8 for bits, *_ in _STORAGE if self.width <= bits), (self.width + 31) // 32 * 4)

    @property
    def cell_type(self) -> type:
        """C type of Verilator's variable."""
        return next((cell for bits, cell, _ in _STORAGE if self.width <= bits), ctypes.c_char * self.storage)

    def bits(self, value: int) -> int:
        """The port's bits for a value, which may be negative if the port is signed. Raises ValueError."""
        half = 1 << (self.width - 1)
        low, high = (-half, half) if self.signed else (0, 2 * half)
        if not low <= value < high:
            sign = "signed" if self.signed else "unsigned"
            raise ValueError(f"{value:#x} does not fit {self.name}, {sign} {self.width} bits")
        return value & (2 * half - 1)

    def value(self, bits: int) -> int:
        """The value that the port's bits stand for; negative only if the port is signed."""
        return bits - (1 << self.width) if self.signed and bits >> (self.width - 1) else bits

    def pack(self, values: Sequence[int]) -> bytes:
        """Values as an array of Verilator's variables. Raises ValueError."""
        bits = [self.bits(value) for value in values]
        if self.wide:
            return b"".join(each.to_bytes(self.storage, "little") for each in bits)
        return array(self._type_code, bits).tobytes()

    def unpack(self, data: bytes) -> list[int]:
        """The inverse of `pack`."""
        if self.wide:
            size = self.storage
            bits = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
        else:
            bits = array(self._type_code, data).tolist()
        return [self.value(each) for each in bits] if self.signed else bits

    @property
    def _type_code(self) -> str:
        return next(code for bits, _, code in _STORAGE if self.width <= bits)
