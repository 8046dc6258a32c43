"""Accelerator descriptors: 64 bytes in accelerator memory that say one operation, and the runs that start them.

A descriptor is little-endian:

    u8 opcode ‖ u8 0 ‖ u16 flags ‖ u8 shift ‖ u8 decay ‖ u8 rate ‖ u8 0
    u16 m ‖ u16 n ‖ u16 k ‖ u16 group
    operands a, b, c, d, e: each u32 address ‖ u32 stride, in bytes
    u32 advance ‖ u32 0

What each opcode computes is docs/arithmetic.md in words and sim/golden/accelerator.py in functions. Fields that
an operation does not use are ignored.

A run (RecordKind.RUN) executes `count` descriptors from the record's address, `iterations` times over. Its payload is
u32 count ‖ u32 iterations ‖ u32 open_begin ‖ u32 open_end. No descriptor of the run may use a byte of the open
window [open_begin, open_end), so host writes that lie wholly within it commute with the run and need not wait for it;
every other write, and the next run, waits until it is over.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Self

DESCRIPTOR_BYTES = 64
OPERANDS = ("a", "b", "c", "d", "e")
TILE = 8
"""GEMM shapes are multiples of this: the bytes of a word, and the side of an output tile."""

MAX_K = 256
"""Largest inner dimension of a GEMM. No sum of 256 products of int8 exceeds 2**22: accumulators never overflow."""

MAX_CLASSES = 256
"""Largest n of a LOSS operation."""

STATISTICS_BYTES = 16
"""Bytes of a LOSS operation's statistics: u64 loss in 1/16 bit, u32 correct rows, u32 rows."""

MAX_ITERATIONS = 65535

_HEAD = struct.Struct("<BxHBBBxHHHH")
_RUN = struct.Struct("<IIII")
RUN_BYTES = _RUN.size


class Opcode(IntEnum):
    """What a descriptor does."""

    GEMM = 1
    """c = epilogue(op(a)[m, k] · op(b)[k, n])."""
    GATHER = 2
    """Rows of table a, by the indices b, to c."""
    LOSS = 3
    """Gradient of the softmax cross-entropy of logits a and labels b to c; sums it up in d."""


class Flag(IntFlag):
    """Variants of an operation, and MARK."""

    TRANSPOSE_A = 1 << 0
    """GEMM: a is stored as [k, m]."""
    TRANSPOSE_B = 1 << 1
    """GEMM: b is stored as [n, k]."""
    ADD = 1 << 2
    """GEMM: d, int8, is added after the shift; a bias if its stride is zero."""
    RELU = 1 << 3
    """GEMM: negative results become zero."""
    MASK = 1 << 4
    """GEMM: results become zero where e, int8, is not positive."""
    WIDE = 1 << 5
    """GEMM: c takes the int32 accumulators as they are."""
    UPDATE = 1 << 6
    """GEMM: the product is a gradient; d, int16 master weights, and c, their int8 copy, are updated."""
    MOMENTUM = 1 << 7
    """GEMM with UPDATE: e, int16, is the velocity."""
    INDEX16 = 1 << 8
    """GATHER: indices are u16, not u8."""
    NIBBLES = 1 << 9
    """GATHER: rows of the table hold unsigned 4-bit values, low nibble first; each becomes the byte 8 · value."""
    MARK = 1 << 15
    """Any: a training step ends with this descriptor."""


ALLOWED_FLAGS = {
    Opcode.GEMM: Flag.TRANSPOSE_A | Flag.TRANSPOSE_B | Flag.ADD | Flag.RELU | Flag.MASK | Flag.WIDE | Flag.UPDATE
    | Flag.MOMENTUM | Flag.MARK,
    Opcode.GATHER: Flag.INDEX16 | Flag.NIBBLES | Flag.MARK,
    Opcode.LOSS: Flag.MARK,
}  # fmt: skip
"""Flags that each opcode knows. WIDE excludes ADD, RELU, MASK and UPDATE; UPDATE excludes ADD, RELU and MASK;
MOMENTUM needs UPDATE."""

MAX_SHIFT, MAX_DECAY, MAX_RATE = 31, 15, 15
MAX_LOSS_SHIFT = 4
"""Largest shift of a LOSS operation: fraction bits of its logits, which are in units of 2**-shift bits."""


class AcceleratorError(IntEnum):
    """Why the accelerator stopped. Checks are made in this order; nothing of a refused descriptor is carried out."""

    NONE = 0
    PROGRAM = 1
    """The descriptor's own 64 bytes are not aligned to 8, not within memory, or not outside the open window; or the
    run has more than 65535 iterations."""
    OPCODE = 2
    """Unknown opcode, or a reserved byte that is not zero."""
    FLAGS = 3
    """A flag that the opcode does not know or that excludes another, or shift, decay or rate out of range."""
    SHAPE = 4
    """A dimension that is zero, not a multiple of what the operation needs, or too large: GEMM: m, n, k multiples of
    8, k at most MAX_K. GATHER: n a multiple of 8, or 16 with NIBBLES; m · group at most 65535. LOSS: n at most
    MAX_CLASSES."""
    ALIGNMENT = 5
    """An address or stride that is no multiple of 8 where words are needed, or of 2 for 16-bit indices; or a stride
    or advance of 65536 or more."""
    BOUNDS = 6
    """An operand that does not lie within memory, or not outside the open window."""
    OVERLAP = 7
    """An operand that is written overlaps itself or another, in a way that the operation does not define."""

    @property
    def explanation(self) -> str:
        """The sentence that the host prints."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    AcceleratorError.NONE: "no error",
    AcceleratorError.PROGRAM: "the descriptor does not lie in memory, or in the open window, or the run is too long",
    AcceleratorError.OPCODE: "the descriptor has an unknown opcode or reserved bytes that are not zero",
    AcceleratorError.FLAGS: "the descriptor has flags that do not go together, or a shift out of range",
    AcceleratorError.SHAPE: "the descriptor has a dimension that is zero, too large, or no proper multiple",
    AcceleratorError.ALIGNMENT: "the descriptor has an address or stride that is not aligned, or too long a stride",
    AcceleratorError.BOUNDS: "an operand does not lie in accelerator memory, outside the open window",
    AcceleratorError.OVERLAP: "an operand that is written overlaps another",
}


@dataclass(frozen=True)
class Operand:
    """A matrix in memory: byte address of its first row, and bytes from row to row."""

    address: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Descriptor:
    """One operation. Integers are as encoded; nothing is checked but that they fit their fields (struct.error)."""

    opcode: int
    m: int
    n: int = 0
    k: int = 0
    group: int = 0
    flags: int = 0
    shift: int = 0
    decay: int = 0
    rate: int = 0
    a: Operand = field(default_factory=Operand)
    b: Operand = field(default_factory=Operand)
    c: Operand = field(default_factory=Operand)
    d: Operand = field(default_factory=Operand)
    e: Operand = field(default_factory=Operand)
    advance: int = 0
    reserved: tuple[int, int, int] = (0, 0, 0)
    """Bytes 1, 7 and the u32 at 60; anything but zeros is refused."""

    def encode(self) -> bytes:
        """The 64 bytes."""
        head = bytearray(
            _HEAD.pack(self.opcode, self.flags, self.shift, self.decay, self.rate, self.m, self.n, self.k, self.group)
        )
        head[1], head[7] = self.reserved[:2]
        operands = (getattr(self, name) for name in OPERANDS)
        words = [word for operand in operands for word in (operand.address, operand.stride)]
        return bytes(head) + struct.pack("<12I", *words, self.advance, self.reserved[2])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The descriptor in 64 bytes. Raises ValueError for another number of bytes."""
        if len(data) != DESCRIPTOR_BYTES:
            raise ValueError(f"a descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}")
        opcode, flags, shift, decay, rate, m, n, k, group = _HEAD.unpack_from(data)
        *words, advance, last = struct.unpack_from("<12I", data, _HEAD.size)
        operands = {name: Operand(*words[2 * i : 2 * i + 2]) for i, name in enumerate(OPERANDS)}
        reserved = (data[1], data[7], last)
        return cls(opcode, m, n, k, group, flags, shift, decay, rate, **operands, advance=advance, reserved=reserved)


@dataclass(frozen=True)
class Run:
    """Payload of a RUN record. open_begin, open_end: bytes that the run leaves to the host; none if not in order."""

    count: int
    iterations: int = 1
    open_begin: int = 0
    open_end: int = 0

    def encode(self) -> bytes:
        """The 16 bytes."""
        return _RUN.pack(self.count, self.iterations, self.open_begin, self.open_end)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The run in a RUN record's payload. Raises ValueError for another number of bytes."""
        if len(data) != RUN_BYTES:
            raise ValueError(f"a run has {RUN_BYTES} bytes, not {len(data)}")
        return cls(*_RUN.unpack(data))

    @property
    def descriptors(self) -> int:
        """Descriptors that the run executes if none is refused."""
        return self.count * self.iterations

    def leaves_open(self, begin: int, end: int) -> bool:
        """Whether the bytes [begin, end) lie wholly within the open window."""
        return self.open_begin <= begin and end <= self.open_end
