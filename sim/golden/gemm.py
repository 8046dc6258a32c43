"""GEMM and its epilogues: docs/arithmetic.md, "Matrix product"."""

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import Descriptor, Flag

from .arithmetic import Integers, round_shift, saturate
from .image import Image, matrix


def product(a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int32]:
    """The exact matrix product.

    It goes through float32, whose 24-bit significand holds every partial sum: k is at most 256, so that none exceeds
    256 · 2**14 = 2**22.
    """
    return (a.astype(np.float32) @ b.astype(np.float32)).astype(np.int32)


def updated(
    gradient: Integers, master: Integers, velocity: Integers | None, shift: int, decay: int, rate: int
) -> tuple[Integers, Integers | None]:
    """Master weights and velocity (int16 ranges) after one step along a gradient (int32).

    Without a velocity: master - gradient / 2**shift. With one: velocity' = velocity - velocity / 2**decay +
    gradient / 2**shift, master - velocity' / 2**rate. Quotients are rounded by themselves; sums saturate once.
    """
    step = round_shift(gradient, shift)
    if velocity is None:
        return saturate(master - step, 16), None
    velocity = saturate(velocity - round_shift(velocity, decay) + step, 16)
    return saturate(master - round_shift(velocity, rate), 16), velocity


def weights_of(master: Integers) -> Integers:
    """The int8 copy of int16 master weights: their upper byte, rounded, saturated."""
    return saturate(round_shift(master, 8), 8)


def gemm(image: Image, descriptor: Descriptor) -> None:
    """Carries out a GEMM descriptor in place."""
    m, n, k, flags = descriptor.m, descriptor.n, descriptor.k, descriptor.flags
    a = matrix(image, descriptor.a, k, m).T if flags & Flag.TRANSPOSE_A else matrix(image, descriptor.a, m, k)
    b = matrix(image, descriptor.b, n, k).T if flags & Flag.TRANSPOSE_B else matrix(image, descriptor.b, k, n)
    sums = product(a, b)
    if flags & Flag.WIDE:
        matrix(image, descriptor.c, m, n, np.int32)[:] = sums
        return
    if flags & Flag.UPDATE:
        master = matrix(image, descriptor.d, m, n, np.int16)
        velocity = matrix(image, descriptor.e, m, n, np.int16) if flags & Flag.MOMENTUM else None
        wide_velocity = velocity.astype(np.int32) if velocity is not None else None
        new_master, new_velocity = updated(
            sums, master.astype(np.int32), wide_velocity, descriptor.shift, descriptor.decay, descriptor.rate
        )
        master[:] = new_master
        if velocity is not None and new_velocity is not None:
            velocity[:] = new_velocity
        matrix(image, descriptor.c, m, n)[:] = weights_of(new_master)
        return
    result: Integers = round_shift(sums, descriptor.shift)
    if flags & Flag.ADD:
        result = result + matrix(image, descriptor.d, m, n)
    result = saturate(result, 8)
    if flags & Flag.RELU:
        result = np.maximum(result, 0)
    if flags & Flag.MASK:
        result = np.where(matrix(image, descriptor.e, m, n) > 0, result, 0)
    matrix(image, descriptor.c, m, n)[:] = result
