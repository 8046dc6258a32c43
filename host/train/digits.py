"""Handwritten digits: scikit-learn's bundled set, and a perceptron with one hidden layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import DESCRIPTOR_BYTES, STATISTICS_BYTES, Descriptor, Flag, Operand, Run
from formats.hashing import WORD_BYTES
from host.errors import LivetrapError
from sim.golden.arithmetic import round_shift, saturate

from . import program
from .batches import INDEX_BYTES, BatchWorkload
from .layout import Layout
from .program import Rate
from .seed import initial_weights
from .workload import PlannedRun, Records, nonzero_records

PIXELS, DIGITS, LOGITS = 64, 10, 16
TEST_SHARE = 4
"""One image in so many is kept for testing."""

ROW_BYTES = PIXELS // 2 + 1
"""Of an example on the chip: pixels as nibbles, and the digit."""

FRACTION = 3
"""Bits behind the binary point of a logit."""

ONE = 64
"""The constant whose product with a gradient is a bias's gradient."""

FULL_MEMORY = 128 * 1024
NEEDS_SCIKIT_LEARN = "training needs scikit-learn: run pip install '.[train]' in livetrap's repository"


@dataclass(frozen=True)
class Data:
    """Images as rows of 64 pixels 0..15, and their digits."""

    train_images: NDArray[np.uint8]
    train_digits: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_digits: NDArray[np.uint8]


def load_data() -> Data:
    """1797 images of 8x8 pixels, split in one fixed way; pixels of 16 become 15.

    Raises LivetrapError when scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise LivetrapError(NEEDS_SCIKIT_LEARN) from error
    bundle = load_digits()
    images, digits = np.minimum(bundle.data, 15).astype(np.uint8), bundle.target.astype(np.uint8)
    shuffled = np.random.default_rng(0).permutation(len(images))
    is_test = np.arange(len(images)) % TEST_SHARE == 0
    train, test = shuffled[~is_test], shuffled[is_test]
    return Data(images[train], digits[train], images[test], digits[test])


def packed_rows(images: NDArray[np.uint8], digits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """ROW_BYTES for each image: pixel 0 in the low nibble of byte 0."""
    nibbles = images[:, 0::2] | images[:, 1::2] << 4
    return np.concatenate([nibbles, digits[:, None]], axis=1)


class Digits(BatchWorkload):
    """64 pixels -> hidden (ReLU) -> 10 digits, softmax cross-entropy, momentum.

    hidden: a multiple of 8. batch: rows of a step, a multiple of 8. steps_per_run: of a planned run. shift: of
    gradients. slow_after: epochs after which updates become half as large, time and again.
    """

    name = "digits"

    def __init__(
        self,
        epochs: int = 18,
        hidden: int = 64,
        batch: int = 128,
        steps_per_run: int = 5,
        shift: int = 6,
        slow_after: int = 8,
        memory: int = FULL_MEMORY,
    ) -> None:
        self.hyperparameters = {
            "epochs": epochs, "hidden": hidden, "batch": batch, "steps_per_run": steps_per_run, "shift": shift,
            "slow_after": slow_after, "memory": memory,
        }  # fmt: skip
        self.epochs, self.batch, self.hidden = epochs, batch, hidden
        self.steps_per_run, self.shift, self.slow_after = steps_per_run, shift, slow_after
        self.data = load_data()
        self.population = len(self.data.train_digits)
        self.steps = epochs * self.steps_per_epoch
        self._place(memory)

    def _place(self, memory: int) -> None:
        layout = self.layout = Layout(memory)
        self.place_programs(layout, 10)
        self.test_program_at = layout.place("test program", 3, DESCRIPTOR_BYTES, "uint8")
        sums = layout.place("statistics", 1, STATISTICS_BYTES, "uint8")
        self.first = program.place_parameter(layout, "first", PIXELS, self.hidden)
        self.first_bias = program.place_parameter(layout, "first bias", WORD_BYTES, self.hidden)
        self.second = program.place_parameter(layout, "second", self.hidden, LOGITS)
        self.second_bias = program.place_parameter(layout, "second bias", WORD_BYTES, LOGITS)
        self.ones = layout.place("ones", WORD_BYTES, self.batch)
        self.inputs = layout.place("inputs", self.batch, PIXELS)
        self.labels = layout.place("labels", self.batch, WORD_BYTES, "uint8")
        self.outputs = layout.place("hidden", self.batch, self.hidden)
        self.outputs_gradient = layout.place("hidden gradient", self.batch, self.hidden)
        self.logits = layout.place("logits", self.batch, LOGITS)
        # A word at a row's last byte is read whole.
        self.table = layout.place("examples", self.population, ROW_BYTES, "uint8", extra=WORD_BYTES)
        self.statistics = sums.address
        self.statistics_tensor = sums
        parameters = (self.first, self.first_bias, self.second, self.second_bias)
        self.state = [sums, *(tensor for parameter in parameters for tensor in parameter.tensors)]
        self.model = [parameter.weights for parameter in parameters]

    @cached_property
    def examples(self) -> Sequence[bytes]:
        """Rows as they lie in memory."""
        return [row.tobytes() for row in packed_rows(self.data.train_images, self.data.train_digits)]

    def initial_records(self, seed: bytes) -> Records:
        """All but the zeros."""
        image = np.zeros(self.layout.size, np.uint8)
        self.table.view(image)[:] = packed_rows(self.data.train_images, self.data.train_digits)
        self.ones.view(image)[0] = ONE
        for parameter, scale in ((self.first, 260), (self.second, 390)):
            shape = parameter.masters
            masters = initial_weights(seed, shape.name, shape.rows, shape.columns, scale)
            if parameter is self.second:
                masters[:, DIGITS:] = 0
            parameter.masters.view(image)[:] = masters
            parameter.weights.view(image)[:] = saturate(round_shift(masters.astype(np.int32), 8), 8)
        for address, data in [*self.programs(1), (self.test_program_at.address, program.encode(self._forward()))]:
            image[address : address + len(data)] = np.frombuffer(data, np.uint8)
        return nonzero_records(image)

    def _forward(self) -> list[Descriptor]:
        return [
            program.dense(self.inputs, self.first.weights, self.first_bias.weights, self.outputs, 7, relu=True),
            program.dense(self.outputs, self.second.weights, self.second_bias.weights, self.logits, 7, relu=False),
            program.loss(self.logits, self.labels.operand, DIGITS, FRACTION, self.statistics_tensor),
        ]

    def programs(self, epoch: int) -> Records:
        """One for each list of indices; steps become smaller after `slow_after` epochs."""
        rate = Rate(self.shift + self.slower(epoch))
        step = INDEX_BYTES * self.batch
        programs = []
        for at, indices in zip(self.programs_at, self.lists, strict=True):
            table = Operand(self.table.address, ROW_BYTES)
            labels = Operand(self.table.address + PIXELS // 2, ROW_BYTES)
            batch = Operand(indices.address, 0)
            descriptors = [
                program.gather(
                    table,
                    self.population,
                    batch,
                    1,
                    self.batch,
                    self.inputs,
                    flags=Flag.INDEX16 | Flag.NIBBLES,
                    advance=step,
                ),
                program.gather(
                    labels, self.population, batch, 1, self.batch, self.labels, flags=Flag.INDEX16, advance=step
                ),
                *self._forward(),
                program.backward(self.logits, self.second.weights, self.outputs_gradient, 7, self.outputs),
                program.update(self.outputs, self.logits, self.second, rate),
                program.update(self.ones, self.logits, self.second_bias, rate, transpose=False),
                program.update(self.inputs, self.outputs_gradient, self.first, rate),
                program.update(self.ones, self.outputs_gradient, self.first_bias, rate, transpose=False, mark=True),
            ]
            programs.append((at.address, program.encode(descriptors)))
        return programs

    def test_runs(self) -> Iterator[PlannedRun]:
        """The test images, a batch at a time, written to where a batch is gathered."""
        images, digits = self.data.test_images, self.data.test_digits
        for first in range(0, len(digits), self.batch):
            count = len(digits[first : first + self.batch])
            pixels, labels = (
                np.zeros((self.batch, PIXELS), np.uint8),
                np.full((self.batch, WORD_BYTES), 255, np.uint8),
            )
            pixels[:count] = images[first : first + count] << 3
            labels[:count, 0] = digits[first : first + count]
            writes = [(self.inputs.address, pixels.tobytes()), (self.labels.address, labels.tobytes())]
            yield PlannedRun(writes, self.test_program_at.address, Run(self.test_program_at.rows), 0, 0)

    def evaluate(self, image: NDArray[np.uint8]) -> dict[str, float]:
        """accuracy: share of the test digits that are right."""
        first, first_bias, second, second_bias = (
            parameter.weights.view(image).astype(np.int32)
            for parameter in (self.first, self.first_bias, self.second, self.second_bias)
        )
        pixels = self.data.test_images.astype(np.int32) << 3
        hidden = np.maximum(saturate(round_shift(pixels @ first, 7) + first_bias[0], 8), 0)
        logits = saturate(round_shift(hidden @ second, 7) + second_bias[0], 8)[:, :DIGITS]
        return {"accuracy": float(np.mean(logits.argmax(axis=1) == self.data.test_digits))}
