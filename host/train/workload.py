"""What a training session needs to know of a workload."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.descriptor import Run

from .layout import Layout, Tensor, joined_spans

Records = list[tuple[int, bytes]]
"""Addresses and bytes to write there, in order."""


@dataclass(frozen=True)
class PlannedRun:
    """writes: what the host writes before the run, if possible while the one before goes on. steps: that it makes."""

    writes: Records
    address: int
    run: Run
    steps: int
    epoch: int


class Workload(ABC):
    """A model, its data and its schedule, as memory contents and runs.

    name: for the command line. layout: the memory map. state: tensors that training changes and that a checkpoint
    has; everything else in memory is made from the data, the seed, and them. model: tensors that `evaluate` needs.
    statistics: address of the loss
    statistics. hyperparameters: what the constructor takes, integers and strings alone. epochs, steps: planned.
    """

    name: str
    layout: Layout
    state: Sequence[Tensor]
    model: Sequence[Tensor]
    statistics: int
    hyperparameters: Mapping[str, int]
    epochs: int
    steps: int

    @property
    @abstractmethod
    def examples(self) -> Sequence[bytes]:
        """Each training example, in dataset order."""

    @abstractmethod
    def initial_records(self, seed: bytes) -> Records:
        """All that a cleared memory needs before the first run: data, tables, programs, W_0."""

    @abstractmethod
    def programs(self, epoch: int) -> Records:
        """Addresses and bytes of the programs of an epoch."""

    @abstractmethod
    def runs(self, seed: bytes) -> Iterator[PlannedRun]:
        """The whole training, run by run."""

    @abstractmethod
    def test_runs(self) -> Iterator[PlannedRun]:
        """An evaluation on the held-out data, whose statistics are the result; none if that is the host's to do."""

    @abstractmethod
    def evaluate(self, image: NDArray[np.uint8]) -> dict[str, float]:
        """Scores on the held-out data of the model in a memory image."""

    def state_tensors(self, image: bytes) -> dict[str, NDArray[Any]]:
        """The state in a memory image."""
        array = np.frombuffer(image, np.uint8)
        return {tensor.name: tensor.view(array).copy() for tensor in self.state}

    def state_records(self, tensors: Mapping[str, NDArray[Any]]) -> Records:
        """What brings a memory that has the initial records to a state. Raises ValueError if a tensor is missing."""
        image = np.zeros(self.layout.size, np.uint8)
        for tensor in self.state:
            value = tensors.get(tensor.name)
            if value is None or value.shape != (tensor.rows, tensor.columns) or value.dtype != np.dtype(tensor.dtype):
                raise ValueError(f"the checkpoint has no tensor {tensor.name} of the right shape and type")
            tensor.view(image)[:] = value
        return [(begin, image[begin:end].tobytes()) for begin, end in joined_spans(self.state)]


def nonzero_records(image: NDArray[np.uint8], chunk: int = 1024) -> Records:
    """Writes that make a cleared memory equal to an image, without stretches of zeros as long as a chunk."""
    padded = np.zeros(-(-len(image) // chunk) * chunk, np.uint8)
    padded[: len(image)] = image
    used = padded.reshape(-1, chunk).any(axis=1)
    records: Records = []
    for index in np.flatnonzero(used):
        begin, end = int(index) * chunk, min((int(index) + 1) * chunk, len(image))
        if records and records[-1][0] + len(records[-1][1]) == begin:
            records[-1] = (records[-1][0], records[-1][1] + image[begin:end].tobytes())
        else:
            records.append((begin, image[begin:end].tobytes()))
    return records
