"""A workload trained on the golden model, run by run: the reference for chips, and the place to tune a recipe."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from formats.descriptor import STATISTICS_BYTES
from sim.golden.accelerator import Outcome, execute_run

from .seed import data_digests, run_seed
from .statistics import Statistics
from .workload import PlannedRun, Workload
from .workloads import WORKLOADS

NO_SALT = bytes(32)


@dataclass(frozen=True)
class Trained:
    """State after a planned run; macs: of that run."""

    planned: PlannedRun
    memory: bytes
    statistics: Statistics
    macs: int


def written(memory: bytes, address: int, data: bytes) -> bytes:
    """The memory with bytes written to an address."""
    return memory[:address] + data + memory[address + len(data) :]


def initial_memory(workload: Workload, seed: bytes, size: int | None = None) -> bytes:
    """Memory before the first run."""
    memory = bytes(size or workload.layout.capacity)
    for address, data in workload.initial_records(seed):
        memory = written(memory, address, data)
    return memory


def train(workload: Workload, seed: bytes) -> Iterator[Trained]:
    """The planned runs, one after another. Raises ValueError when a descriptor is refused."""
    memory = initial_memory(workload, seed)
    for planned in workload.runs(seed):
        for address, data in planned.writes:
            memory = written(memory, address, data)
        outcome: Outcome = execute_run(memory, planned.address, planned.run)
        if outcome.error or outcome.steps != planned.steps:
            raise ValueError(f"run of epoch {planned.epoch}: {outcome.error.name} at {outcome.at:#x}")
        memory = outcome.memory
        at = workload.statistics
        yield Trained(planned, memory, Statistics.of(memory[at : at + STATISTICS_BYTES]), outcome.macs)


def default_seed(workload: Workload) -> bytes:
    """The seed without salt and without a Verifier's randomness: for tests and demonstrations."""
    return run_seed(data_digests(workload.examples, NO_SALT), bytes(32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="hyperparameters other than the defaults")
    arguments = parser.parse_args()
    settings = {name: int(value) for name, _, value in (item.partition("=") for item in arguments.settings)}
    workload = WORKLOADS[arguments.workload](**settings)
    seed, before, epoch, steps, busy = default_seed(workload), Statistics(), 0, 0, 0.0
    print(f"{workload.name}: {workload.layout.size} bytes of memory, {workload.steps} steps")
    runs = train(workload, seed)
    last: Trained | None = None
    while True:
        started = time.perf_counter()
        trained = next(runs, None)
        busy += time.perf_counter() - started
        if last is not None and (trained is None or trained.planned.epoch != epoch):
            scores = workload.evaluate(np.frombuffer(last.memory, np.uint8))
            made = last.statistics.since(before)
            shown = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
            print(f"epoch {epoch}, step {steps}: {made.bits:.3f} bits, {made.accuracy:.4f} right; held out: {shown}")
            before = last.statistics
        if trained is None:
            break
        last, epoch = trained, trained.planned.epoch
        steps += trained.planned.steps
    print(f"{1e3 * busy / steps:.3f} ms a step")


if __name__ == "__main__":
    main()
