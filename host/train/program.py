"""The training recipe as descriptors: docs/training.md."""

from dataclasses import dataclass

from formats.descriptor import Descriptor, Flag, Opcode, Operand

from .layout import Layout, Tensor


@dataclass(frozen=True)
class Parameter:
    """A trained matrix: int8 copy for products, int16 masters and velocities."""

    weights: Tensor
    masters: Tensor
    velocities: Tensor

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three of them."""
        return self.weights, self.masters, self.velocities


@dataclass(frozen=True)
class Rate:
    """How a gradient becomes an update. shift: of the gradient. decay, rate: of the velocity; powers of two."""

    shift: int
    decay: int = 3
    rate: int = 3


def place_parameter(layout: Layout, name: str, rows: int, columns: int) -> Parameter:
    """Memory for a parameter. The masters' names end in .master, the velocities' in .velocity."""
    return Parameter(
        layout.place(name, rows, columns),
        layout.place(f"{name}.master", rows, columns, "int16"),
        layout.place(f"{name}.velocity", rows, columns, "int16"),
    )


def dense(inputs: Tensor, weights: Tensor, bias: Tensor, outputs: Tensor, shift: int, *, relu: bool) -> Descriptor:
    """outputs = relu(inputs · weights / 2**shift + bias): a layer forward. The bias is its tensor's first row."""
    return Descriptor(
        Opcode.GEMM, outputs.rows, outputs.columns, inputs.columns, shift=shift,
        flags=Flag.ADD | (Flag.RELU if relu else 0),
        a=inputs.operand, b=weights.operand, c=outputs.operand, d=Operand(bias.address, 0),
    )  # fmt: skip


def backward(
    gradient: Tensor, weights: Tensor, inputs_gradient: Tensor, shift: int, mask: Tensor | None
) -> Descriptor:
    """inputs_gradient = gradient · weightsᵀ / 2**shift, zero where the mask is not positive."""
    return Descriptor(
        Opcode.GEMM, gradient.rows, inputs_gradient.columns, gradient.columns, shift=shift,
        flags=Flag.TRANSPOSE_B | (Flag.MASK if mask else 0),
        a=gradient.operand, b=weights.operand, c=inputs_gradient.operand,
        e=mask.operand if mask else Operand(),
    )  # fmt: skip


def update(
    inputs: Tensor, gradient: Tensor, parameter: Parameter, rate: Rate, *, transpose: bool = True, mark: bool = False
) -> Descriptor:
    """Moves a parameter against inputsᵀ · gradient; without `transpose`, inputs are stored as [k, rows] already."""
    return Descriptor(
        Opcode.GEMM, parameter.weights.rows, parameter.weights.columns, gradient.rows,
        shift=rate.shift, decay=rate.decay, rate=rate.rate,
        flags=Flag.UPDATE | Flag.MOMENTUM | (Flag.TRANSPOSE_A if transpose else 0) | (Flag.MARK if mark else 0),
        a=inputs.operand, b=gradient.operand,
        c=parameter.weights.operand, d=parameter.masters.operand, e=parameter.velocities.operand,
    )  # fmt: skip


def loss(logits: Tensor, labels: Operand, classes: int, fraction: int, statistics: Tensor) -> Descriptor:
    """The gradient takes the logits' place. fraction: bits behind the binary point of the logits."""
    return Descriptor(
        Opcode.LOSS, logits.rows, classes, shift=fraction,
        a=logits.operand, b=labels, c=logits.operand, d=Operand(statistics.address),
    )  # fmt: skip


def gather(
    table: Operand,
    rows: int,
    indices: Operand,
    groups: int,
    group: int,
    outputs: Tensor,
    *,
    flags: int = 0,
    advance: int = 0,
) -> Descriptor:
    """Rows of a table of so many rows, by groups of indices, to `outputs`, whose columns are bytes."""
    return Descriptor(
        Opcode.GATHER, groups, outputs.columns, rows, group, flags,
        a=table, b=indices, c=outputs.operand, advance=advance,
    )  # fmt: skip


def encode(descriptors: list[Descriptor]) -> bytes:
    """A program."""
    return b"".join(descriptor.encode() for descriptor in descriptors)
