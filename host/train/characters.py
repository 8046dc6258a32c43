"""A language model of characters: English text that scikit-learn ships; embeddings of a window, and a perceptron."""

import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import STATISTICS_BYTES, Descriptor, Flag, Operand
from formats.hashing import WORD_BYTES
from host.errors import LivetrapError
from sim.golden.arithmetic import round_shift, saturate
from sim.golden.keccak import shake256

from . import program
from .batches import INDEX_BYTES, BatchWorkload
from .digits import NEEDS_SCIKIT_LEARN
from .layout import Layout, Tensor
from .program import Rate
from .seed import initial_weights
from .workload import PlannedRun, Records, nonzero_records

SYMBOLS = " abcdefghijklmnopqrstuvwxyz.,-0*"
"""0 stands for any digit, * for any other character."""

TEXT_DIGEST = "bd11dec2a30b2beb93990c5c4319c532"
"""SHAKE256, 16 bytes, of the normalised text."""
TEST_SHARE = 10
"""The last one in so many characters is kept for testing."""

FRACTION = 3
"""Bits behind the binary point of a logit."""

ONE = 64
"""The constant whose product with a gradient is the gradient of a bias, or of an embedding."""

FULL_MEMORY = 128 * 1024


def normalised(text: str) -> NDArray[np.uint8]:
    """Numbers of SYMBOLS. White space is one space, and no other symbol but a letter is repeated."""
    text = re.sub(r"\s+", " ", text.lower())
    text = re.sub(r"[0-9]", "0", text)
    text = re.sub(r"[^a-z .,0-]", "*", text)
    text = re.sub(r"([^a-z])\1+", r"\1", text)
    return np.array([SYMBOLS.index(character) for character in text], np.uint8)


@cache
def load_text() -> NDArray[np.uint8]:
    """The descriptions of scikit-learn's data sets, in the order of their names, normalised.

    Raises LivetrapError when scikit-learn is not installed, or brings another text than the one this was made for.
    """
    try:
        folder = resources.files("sklearn.datasets.descr")
    except ModuleNotFoundError as error:
        raise LivetrapError(NEEDS_SCIKIT_LEARN) from error
    pages = sorted((page for page in folder.iterdir() if page.name.endswith(".rst")), key=lambda page: page.name)
    text = normalised("\n".join(page.read_text(encoding="utf-8") for page in pages))
    found = shake256(text.tobytes(), 16).hex()
    if found != TEXT_DIGEST:
        raise LivetrapError(
            f"this scikit-learn has another text (digest {found}): install the version in constraints.txt"
        )
    return text


def bigram_bits(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> float:
    """Bits per character of a table of symbol pairs fitted on `train`, smoothed as suits `test` best."""
    symbols = len(SYMBOLS)
    pairs = np.zeros((symbols, symbols))
    np.add.at(pairs, (train[:-1], train[1:]), 1)

    def bits(added: float) -> float:
        table = (pairs + added) / (pairs + added).sum(axis=1, keepdims=True)
        return float(-np.log2(table[test[:-1], test[1:]]).mean())

    return min(bits(2.0**power) for power in range(-8, 3))


class Characters(BatchWorkload):
    """`context` symbols -> embeddings -> hidden (ReLU) -> the next symbol; softmax cross-entropy, momentum.

    context + 1, `dimension` (of an embedding), hidden and batch are multiples of 8. steps_per_run: of a planned run.
    shift: of gradients of the layers; embedding_shift: of embeddings. slow_after: epochs after which updates become
    half as large, time and again.
    """

    name = "characters"

    def __init__(
        self,
        epochs: int = 6,
        context: int = 7,
        dimension: int = 16,
        hidden: int = 64,
        batch: int = 64,
        steps_per_run: int = 10,
        shift: int = 6,
        embedding_shift: int = 8,
        slow_after: int = 2,
        memory: int = FULL_MEMORY,
    ) -> None:
        self.hyperparameters = {
            "epochs": epochs, "context": context, "dimension": dimension, "hidden": hidden, "batch": batch,
            "steps_per_run": steps_per_run, "shift": shift, "embedding_shift": embedding_shift,
            "slow_after": slow_after, "memory": memory,
        }  # fmt: skip
        self.epochs, self.context, self.dimension = epochs, context, dimension
        self.hidden, self.batch, self.steps_per_run = hidden, batch, steps_per_run
        self.shift, self.embedding_shift, self.slow_after = shift, embedding_shift, slow_after
        text = load_text()
        self.train_text, self.test_text = np.split(text, [len(text) - len(text) // TEST_SHARE])
        self.population = len(self.train_text) - context
        self.steps = epochs * self.steps_per_epoch
        self._place(memory)

    def _place(self, memory: int) -> None:
        layout = self.layout = Layout(memory)
        symbols, width = len(SYMBOLS), self.context * self.dimension
        self.place_programs(layout, 11 + 2 * self.context)
        self.sums = layout.place("statistics", 1, STATISTICS_BYTES, "uint8")
        self.embedding = program.place_parameter(layout, "embedding", symbols, self.dimension)
        self.first = program.place_parameter(layout, "first", width, self.hidden)
        self.first_bias = program.place_parameter(layout, "first bias", WORD_BYTES, self.hidden)
        self.second = program.place_parameter(layout, "second", self.hidden, symbols)
        self.second_bias = program.place_parameter(layout, "second bias", WORD_BYTES, symbols)
        self.ones = layout.place("ones", WORD_BYTES, self.batch)
        self.one_hots = layout.place("one-hot rows", symbols, symbols)
        self.batch_windows = layout.place("windows", self.batch, self.context + 1, "uint8")
        self.inputs = layout.place("inputs", self.batch, width)
        self.inputs_gradient = layout.place("inputs gradient", self.batch, width)
        self.selected = layout.place("selected symbols", self.batch, symbols)
        self.outputs = layout.place("hidden", self.batch, self.hidden)
        self.outputs_gradient = layout.place("hidden gradient", self.batch, self.hidden)
        self.logits = layout.place("logits", self.batch, symbols)
        self.text = layout.place("text", 1, len(self.train_text), "uint8", extra=WORD_BYTES)
        self.statistics = self.sums.address
        self.parameters = (self.embedding, self.first, self.first_bias, self.second, self.second_bias)
        self.state = [self.sums, *(tensor for parameter in self.parameters for tensor in parameter.tensors)]
        self.model = [parameter.weights for parameter in self.parameters]

    @cached_property
    def examples(self) -> Sequence[bytes]:
        """Each window of the training text: its context, and the symbol behind it."""
        data = self.train_text.tobytes()
        return [data[at : at + self.context + 1] for at in range(self.population)]

    def initial_records(self, seed: bytes) -> Records:
        """All but the zeros."""
        image = np.zeros(self.layout.size, np.uint8)
        self.text.view(image)[0] = self.train_text
        self.ones.view(image)[0] = ONE
        np.fill_diagonal(self.one_hots.view(image), ONE)
        scales = ((self.embedding, 900), (self.first, 200), (self.second, 250))
        for parameter, scale in scales:
            shape = parameter.masters
            masters = initial_weights(seed, shape.name, shape.rows, shape.columns, scale)
            shape.view(image)[:] = masters
            parameter.weights.view(image)[:] = saturate(round_shift(masters.astype(np.int32), 8), 8)
        for address, data in self.programs(1):
            image[address : address + len(data)] = np.frombuffer(data, np.uint8)
        return nonzero_records(image)

    def programs(self, epoch: int) -> Records:
        """One for each list of indices; steps become smaller after `slow_after` epochs."""
        slower = self.slower(epoch)
        rate, embedding_rate = Rate(self.shift + slower), Rate(self.embedding_shift + slower)
        programs = []
        for at, indices in zip(self.programs_at, self.lists, strict=True):
            descriptors = [
                program.gather(
                    Operand(self.text.address, 1),
                    self.population,
                    Operand(indices.address),
                    1,
                    self.batch,
                    self.batch_windows,
                    flags=Flag.INDEX16,
                    advance=INDEX_BYTES * self.batch,
                ),
                self._embed(),
                program.dense(self.inputs, self.first.weights, self.first_bias.weights, self.outputs, 7, relu=True),
                program.dense(
                    self.outputs, self.second.weights, self.second_bias.weights, self.logits, 7, relu=False
                ),
                program.loss(self.logits, self._symbols(self.context), len(SYMBOLS), FRACTION, self.sums),
                program.backward(self.logits, self.second.weights, self.outputs_gradient, 6, self.outputs),
                program.backward(self.outputs_gradient, self.first.weights, self.inputs_gradient, 6, None),
                program.update(self.outputs, self.logits, self.second, rate),
                program.update(self.ones, self.logits, self.second_bias, rate, transpose=False),
                program.update(self.inputs, self.outputs_gradient, self.first, rate),
                program.update(self.ones, self.outputs_gradient, self.first_bias, rate, transpose=False),
                *self._update_embeddings(embedding_rate),
            ]
            programs.append((at.address, program.encode(descriptors)))
        return programs

    def _symbols(self, place: int) -> Operand:
        """The symbols at one place of the batch's windows."""
        return Operand(self.batch_windows.address + place, self.context + 1)

    def _embed(self) -> Descriptor:
        """Each window's embeddings, one after another, are a row of inputs."""
        rows = Tensor("", self.inputs.address, self.batch * self.context, self.dimension, self.dimension, "int8")
        table = self.embedding.weights
        return program.gather(table.operand, table.rows, self._symbols(0), self.batch, self.context, rows)

    def _update_embeddings(self, rate: Rate) -> Iterator[Descriptor]:
        """For each place in the window: one-hot rows of its symbols, transposed, times the gradient there."""
        for place in range(self.context):
            yield program.gather(
                self.one_hots.operand, self.one_hots.rows, self._symbols(place), self.batch, 1, self.selected
            )
            whole = self.inputs_gradient
            part = Tensor(
                "", whole.address + place * self.dimension, self.batch, self.dimension, whole.stride, "int8"
            )
            yield program.update(self.selected, part, self.embedding, rate, mark=place == self.context - 1)

    def test_runs(self) -> Iterator[PlannedRun]:
        """None: bits per character are computed by the host, from logits as the chip would compute them."""
        return iter(())

    def evaluate(self, image: NDArray[np.uint8]) -> dict[str, float]:
        """bits_per_character on the held-out text, and of the bigram table for comparison."""
        values = {tensor.name: tensor.view(image).astype(np.int32) for tensor in self.model}
        windows = np.lib.stride_tricks.sliding_window_view(self.test_text, self.context + 1)
        inputs = values["embedding"][windows[:, :-1]].reshape(len(windows), -1)
        hidden = saturate(round_shift(inputs @ values["first"], 7) + values["first bias"][0], 8)
        logits = round_shift(np.maximum(hidden, 0) @ values["second"], 7) + values["second bias"][0]
        scores = saturate(logits, 8) / 2**FRACTION
        chosen = scores[np.arange(len(windows)), windows[:, -1]]
        bits = np.log2(np.exp2(scores).sum(axis=1)) - chosen
        return {"bits_per_character": float(bits.mean()), "bigram": bigram_bits(self.train_text, self.test_text)}
