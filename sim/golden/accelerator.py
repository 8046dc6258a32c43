"""The accelerator as pure functions of memory images: docs/arithmetic.md and formats/descriptor.py."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from formats.descriptor import DESCRIPTOR_BYTES, AcceleratorError, Descriptor, Flag, Opcode, Run

from .gather import gather
from .gemm import gemm
from .image import Image
from .loss import loss
from .operands import program_refusal, refusal


@dataclass(frozen=True)
class Outcome:
    """What a run, or its beginning, has done.

    memory: the image. descriptors, steps, macs: completed, marked, and multiply-accumulates made by it.
    error: why it stopped before its end, or NONE. at: address of the refused descriptor, else 0.
    """

    memory: bytes
    descriptors: int
    steps: int
    macs: int
    error: AcceleratorError = AcceleratorError.NONE
    at: int = 0


def macs_of(descriptor: Descriptor) -> int:
    """Multiply-accumulates that a descriptor's execution counts."""
    return descriptor.m * descriptor.n * descriptor.k if descriptor.opcode == Opcode.GEMM else 0


def execute(memory: bytes, descriptor: Descriptor, iteration: int = 0) -> bytes:
    """The memory after one descriptor that is not refused."""
    image = np.frombuffer(bytearray(memory), np.uint8)
    _carry_out(image, descriptor, iteration)
    return image.tobytes()


def execute_run(memory: bytes, address: int, run: Run, limit: int | None = None, first: int = 0) -> Outcome:
    """A run from its descriptor number `first` on: to its end, or at most `limit` descriptors.

    Descriptors are fetched one by one, each when the one before is completed.
    """
    image = np.frombuffer(bytearray(memory), np.uint8)
    done = steps = macs = 0
    left = run.descriptors - first
    end = left if limit is None else min(limit, left)
    while done < end:
        iteration, index = divmod(first + done, run.count)
        at = address + index * DESCRIPTOR_BYTES
        error = program_refusal(at, len(image), run)
        if not error:
            fetched = image[at : at + DESCRIPTOR_BYTES].tobytes()
            descriptor, error = _checked(fetched, iteration, len(image), run)
        if error:
            return Outcome(image.tobytes(), done, steps, macs, error, at)
        _carry_out(image, descriptor, iteration)
        done += 1
        steps += bool(descriptor.flags & Flag.MARK)
        macs += macs_of(descriptor)
    return Outcome(image.tobytes(), done, steps, macs)


@lru_cache(1 << 16)
def _checked(data: bytes, iteration: int, memory_bytes: int, run: Run) -> tuple[Descriptor, AcceleratorError]:
    descriptor = Descriptor.decode(data)
    return descriptor, refusal(descriptor, iteration, memory_bytes, run)


def _carry_out(image: Image, descriptor: Descriptor, iteration: int) -> None:
    match descriptor.opcode:
        case Opcode.GEMM:
            gemm(image, descriptor)
        case Opcode.GATHER:
            gather(image, descriptor, iteration)
        case Opcode.LOSS:
            loss(image, descriptor)
        case _:
            raise ValueError(f"opcode {descriptor.opcode} is unknown")
