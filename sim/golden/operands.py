"""Which descriptors the accelerator refuses, and why: formats/descriptor.py's AcceleratorError as a function."""

from dataclasses import dataclass
from itertools import combinations

from formats.descriptor import (
    ALLOWED_FLAGS,
    DESCRIPTOR_BYTES,
    MAX_CLASSES,
    MAX_DECAY,
    MAX_ITERATIONS,
    MAX_K,
    MAX_LOSS_SHIFT,
    MAX_RATE,
    MAX_SHIFT,
    STATISTICS_BYTES,
    TILE,
    AcceleratorError,
    Descriptor,
    Flag,
    Opcode,
    Operand,
    Run,
)
from formats.hashing import WORD_BYTES

MAX_ROWS = 65535
MAX_STRIDE = 65535


@dataclass(frozen=True)
class Extent:
    """The bytes of an operand: `rows` rows of `row_bytes` bytes. alignment: of its address and stride."""

    name: str
    address: int
    stride: int
    rows: int
    row_bytes: int
    written: bool = False
    alignment: int = WORD_BYTES

    @property
    def end(self) -> int:
        """One past the last byte."""
        return self.address + (self.rows - 1) * self.stride + self.row_bytes

    def meets(self, other: "Extent") -> bool:
        """Whether the two hulls, from first to last byte, have a byte in common."""
        return self.address < other.end and other.address < self.end


def padded(classes: int) -> int:
    """Bytes of a LOSS operation's rows: classes, in whole words."""
    return -(-classes // WORD_BYTES) * WORD_BYTES


def source_row_bytes(descriptor: Descriptor) -> int:
    """Bytes of a row of a GATHER operation's table."""
    return descriptor.n // 2 if descriptor.flags & Flag.NIBBLES else descriptor.n


def extents(descriptor: Descriptor, iteration: int) -> list[Extent]:
    """The operands that a descriptor with a known opcode, valid flags and shape uses, in order."""
    m, n, k, flags = descriptor.m, descriptor.n, descriptor.k, descriptor.flags

    def extent(name: str, rows: int, row_bytes: int, written: bool = False, alignment: int = WORD_BYTES) -> Extent:
        operand: Operand = getattr(descriptor, name)
        return Extent(name, operand.address, operand.stride, rows, row_bytes, written, alignment)

    if descriptor.opcode == Opcode.LOSS:
        row = padded(n)
        statistics = Extent("d", descriptor.d.address, 0, 1, STATISTICS_BYTES, True)
        return [extent("a", m, row), extent("b", m, 1, alignment=1), extent("c", m, row, True), statistics]
    if descriptor.opcode == Opcode.GATHER:
        width = 2 if flags & Flag.INDEX16 else 1
        begin = descriptor.b.address + iteration * descriptor.advance
        return [
            extent("a", k, source_row_bytes(descriptor), alignment=1),
            Extent("b", begin, descriptor.b.stride, m, descriptor.group * width, alignment=width),
            extent("c", m * descriptor.group, n, True),
        ]
    used = [
        extent("a", k, m) if flags & Flag.TRANSPOSE_A else extent("a", m, k),
        extent("b", n, k) if flags & Flag.TRANSPOSE_B else extent("b", k, n),
        extent("c", m, 4 * n if flags & Flag.WIDE else n, True),
    ]
    if flags & Flag.UPDATE:
        used.append(extent("d", m, 2 * n, True))
        if flags & Flag.MOMENTUM:
            used.append(extent("e", m, 2 * n, True))
    if flags & Flag.ADD:
        used.append(extent("d", m, n))
    if flags & Flag.MASK:
        used.append(extent("e", m, n))
    return used


def refusal(descriptor: Descriptor, iteration: int, memory_bytes: int, run: Run) -> AcceleratorError:
    """Why a descriptor is refused; NONE if it is not. It may depend on the iteration, by `advance`."""
    opcode = descriptor.opcode
    if opcode not in set(Opcode) or any(descriptor.reserved):
        return AcceleratorError.OPCODE
    if _flags_are_wrong(descriptor):
        return AcceleratorError.FLAGS
    if _shape_is_wrong(descriptor):
        return AcceleratorError.SHAPE
    used = extents(descriptor, iteration)
    if _is_misaligned(descriptor, used):
        return AcceleratorError.ALIGNMENT
    if any(_is_out_of_bounds(each, memory_bytes, run) for each in used):
        return AcceleratorError.BOUNDS
    if any(each.written and each.rows > 1 and each.stride < each.row_bytes for each in used) or any(
        first.meets(second) and not _is_in_place(opcode, first, second)
        for first, second in combinations(used, 2)
        if first.written or second.written
    ):
        return AcceleratorError.OVERLAP
    return AcceleratorError.NONE


def program_refusal(address: int, memory_bytes: int, run: Run) -> AcceleratorError:
    """PROGRAM if a descriptor at this address cannot be fetched, else NONE."""
    own = Extent("", address, 0, 1, DESCRIPTOR_BYTES)
    wrong = address % WORD_BYTES or run.iterations > MAX_ITERATIONS or _is_out_of_bounds(own, memory_bytes, run)
    return AcceleratorError.PROGRAM if wrong else AcceleratorError.NONE


def _flags_are_wrong(descriptor: Descriptor) -> bool:
    flags = Flag(descriptor.flags)
    if flags & ~ALLOWED_FLAGS[Opcode(descriptor.opcode)]:
        return True
    if descriptor.opcode == Opcode.LOSS:
        return descriptor.shift > MAX_LOSS_SHIFT
    if descriptor.opcode == Opcode.GATHER:
        return False
    stored = Flag.ADD | Flag.RELU | Flag.MASK
    return bool(
        (flags & Flag.WIDE and flags & (stored | Flag.UPDATE))
        or (flags & Flag.UPDATE and flags & stored)
        or (flags & Flag.MOMENTUM and not flags & Flag.UPDATE)
        or descriptor.shift > MAX_SHIFT
        or descriptor.decay > MAX_DECAY
        or descriptor.rate > MAX_RATE
    )


def _shape_is_wrong(descriptor: Descriptor) -> bool:
    m, n, k = descriptor.m, descriptor.n, descriptor.k
    if descriptor.opcode == Opcode.LOSS:
        return not m or not 1 <= n <= MAX_CLASSES
    if descriptor.opcode == Opcode.GATHER:
        unit = 2 * WORD_BYTES if descriptor.flags & Flag.NIBBLES else WORD_BYTES
        return not (m and n and k and descriptor.group) or bool(n % unit) or m * descriptor.group > MAX_ROWS
    return not (m and n and k) or bool(m % TILE or n % TILE or k % TILE) or k > MAX_K


def _is_misaligned(descriptor: Descriptor, used: list[Extent]) -> bool:
    if any(each.address % each.alignment or each.stride % each.alignment for each in used):
        return True
    if any(each.stride > MAX_STRIDE for each in used):
        return True
    return descriptor.opcode == Opcode.GATHER and (
        bool(descriptor.advance % used[1].alignment) or descriptor.advance > MAX_STRIDE
    )


def _is_out_of_bounds(extent: Extent, memory_bytes: int, run: Run) -> bool:
    return extent.end > memory_bytes or (
        run.open_begin < run.open_end and extent.address < run.open_end and run.open_begin < extent.end
    )


def _is_in_place(opcode: int, first: Extent, second: Extent) -> bool:
    """An elementwise operand may be the written one: GEMM's addend and mask (int8), and LOSS's logits."""
    pair = {first.name, second.name}
    elementwise = ({"a", "c"},) if opcode == Opcode.LOSS else ({"c", "d"}, {"c", "e"})
    return (
        pair in elementwise
        and not (first.written and second.written)
        and (first.address, first.stride) == (second.address, second.stride)
    )
