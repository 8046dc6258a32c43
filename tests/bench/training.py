"""Figures of training: array utilisation, accuracy on the golden model, and the golden model's speed."""

import time
from dataclasses import dataclass

import numpy as np

from formats.descriptor import Descriptor, Opcode, Operand, Run
from host.train.digits import load_data
from host.train.reference import default_seed, initial_memory, train, written
from host.train.workload import Workload
from rtl.accel.accelerator import Accelerator
from rtl.config import CONFIGS
from sim.golden.accelerator import execute_run
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

CONFIG = CONFIGS["full"]
PEAK = CONFIG.array_rows * CONFIG.array_columns
CYCLE_LIMIT = 10_000_000


@dataclass(frozen=True)
class Executed:
    """A run on the accelerator alone, its memory always ready. descriptors: completed."""

    cycles: int
    macs: int
    descriptors: int
    memory: bytes

    @property
    def utilisation(self) -> float:
        """Share of the array's multiply-accumulates that were made."""
        return self.macs / (PEAK * self.cycles)


def execute(image: bytes, address: int, run: Run) -> Executed:
    """Cycles in which the accelerator is busy with a run, fetching and checking of descriptors included."""
    block = VerilatedBlock(Accelerator(CONFIG), "accelerator_full", cycle_limit=CYCLE_LIMIT)
    memory = MemoryModel(block, image)
    block.set_all(
        {
            "run__start": 1,
            "run__address": address,
            "run__count": run.count,
            "run__iterations": run.iterations,
            "run__open_begin": run.open_begin,
            "run__open_end": run.open_end,
        }
    )
    memory.step()
    block.set("run__start", 0)
    macs = 0
    while block.get("busy"):
        macs += block.get("macs")
        memory.step()
    return Executed(block.get("busy_cycles"), macs, block.get("descriptors"), bytes(memory.image))


def gemm_64_cube() -> Executed:
    """A 64 x 64 x 64 GEMM to int8, as the only descriptor of a run."""
    gemm = Descriptor(Opcode.GEMM, 64, 64, 64, shift=7, a=Operand(0, 64), b=Operand(4096, 64), c=Operand(8192, 64))
    image = np.random.default_rng(0).integers(0, 256, CONFIG.weight_bytes, np.uint8).tobytes()
    return execute(written(image, 16384, gemm.encode()), 16384, Run(1))


def first_step(workload: Workload) -> tuple[Executed, bytes]:
    """The first step of a workload, and the memory that the golden model has after it."""
    seed = default_seed(workload)
    image = initial_memory(workload, seed)
    planned = next(iter(workload.runs(seed)))
    for address, data in planned.writes:
        image = written(image, address, data)
    run = Run(planned.run.count, 1, planned.run.open_begin, planned.run.open_end)
    return execute(image, planned.address, run), execute_run(image, planned.address, run).memory


def golden_step_seconds(workload: Workload, runs: int = 20) -> float:
    """Wall time of a step on the golden model."""
    steps = 0
    trained = train(workload, default_seed(workload))
    next(trained)
    started = time.perf_counter()
    for _ in range(runs):
        steps += next(trained).planned.steps
    return (time.perf_counter() - started) / steps


def final_scores(workload: Workload) -> dict[str, float]:
    """Scores on held-out data after the whole training, on the golden model: what the chip reaches, bit for bit."""
    *_, last = train(workload, default_seed(workload))
    return workload.evaluate(np.frombuffer(last.memory, np.uint8))


def float_accuracy(hidden: int = 64) -> float:
    """Held-out accuracy of scikit-learn's float perceptron with as many hidden units, trained until it converges."""
    from sklearn.neural_network import MLPClassifier

    data = load_data()
    peer = MLPClassifier((hidden,), random_state=0, max_iter=1000)
    peer.fit(data.train_images / 15, data.train_digits)
    return float(peer.score(data.test_images / 15, data.test_digits))
