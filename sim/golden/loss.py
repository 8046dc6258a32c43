"""LOSS, the gradient of the softmax cross-entropy: docs/arithmetic.md, "Loss gradient"."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import Descriptor, Operand
from formats.softmax import FRACTION_BITS, LOGARITHMS, MANTISSA_BITS, POWERS, RECIPROCALS

from .arithmetic import Integers, saturate
from .image import Image, matrix
from .operands import padded

_POWERS, _RECIPROCALS, _LOGARITHMS = (np.array(table, np.int64) for table in (POWERS, RECIPROCALS, LOGARITHMS))


@dataclass(frozen=True)
class Loss:
    """gradient: (rows, classes), each in -128..127. losses: in 1/16 bit. correct, counted: whether the row is.

    All but gradient have an element for each row.
    """

    gradient: Integers
    losses: Integers
    correct: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def loss_gradient(logits: Integers, labels: Integers, shift: int) -> Loss:
    """Softmax cross-entropy of logits (rows, classes) in units of 2**-shift bits, base 2.

    The gradient of a row is 128 · (softmax - one-hot), by tables. A row whose label is no class is not counted, and
    its gradient is zero. A row is correct if its label is its first largest logit.
    """
    rows = np.arange(len(logits))
    classes = logits.shape[1]
    counted = labels < classes
    target = np.where(counted, labels, 0)
    below = (logits.max(axis=1, keepdims=True) - logits).astype(np.int64) << (FRACTION_BITS - shift)
    powers = _POWERS[below & 15] >> (below >> FRACTION_BITS)
    total = powers.sum(axis=1, keepdims=True)
    exponent = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1
    mantissa = (total >> (exponent - MANTISSA_BITS)) - 64
    products = powers * _RECIPROCALS[mantissa]
    # 128 · power / total, in units that round_shift takes away: 2**15 of the table, 2**(exponent - 6), 2**7.
    by = exponent + 2
    odd = products >> by & 1
    probabilities = products + ((1 << by - 1) - 1) + odd >> by
    one_hot = np.zeros_like(probabilities)
    one_hot[rows, target] = 128
    gradient = np.where(counted[:, None], saturate(probabilities - one_hot, 8), 0)
    losses = 16 * (exponent[:, 0] - 15) + _LOGARITHMS[mantissa[:, 0]] + below[rows, target]
    correct = counted & (logits.argmax(axis=1) == target)
    return Loss(gradient, np.where(counted, losses, 0), correct, counted)


def loss(image: Image, descriptor: Descriptor) -> None:
    """Carries out a LOSS descriptor in place. Pad columns of the gradient become zero; statistics wrap around."""
    m, n = descriptor.m, descriptor.n
    logits = matrix(image, descriptor.a, m, n)
    labels = matrix(image, descriptor.b, m, 1, np.uint8)[:, 0].astype(np.int64)
    result = loss_gradient(logits.astype(np.int64), labels, descriptor.shift)
    rows = matrix(image, descriptor.c, m, padded(n))
    rows[:, :n] = result.gradient
    rows[:, n:] = 0
    sums = matrix(image, descriptor.d, 1, 1, np.uint64)
    sums += np.uint64(result.losses.sum())
    counts = matrix(image, Operand(descriptor.d.address + 8), 1, 2, np.uint32)
    counts += np.array([result.correct.sum(), result.counted.sum()], np.uint32)
