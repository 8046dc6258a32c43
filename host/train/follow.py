"""A training from its first planned run to its last: what is reported, evaluated and checkpointed on the way."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import FrameType

import numpy as np

from .session import Point, Progress, TrainingSession
from .statistics import Statistics

Say = Callable[[str], None]


@dataclass
class Told:
    """What a training came to.

    epochs: of each, its number, steps so far, mean loss in bits and share right before each update, and scores on
    held-out data if they were taken. on_chip_accuracy: of the held-out data as the chip evaluated them, if it did.
    macs_per_cycle: while the accelerator was busy. stall_cycles: in which it waited for memory.
    """

    workload: str
    epochs: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    interrupted: bool = False
    seconds: float = 0.0
    macs: int = 0
    macs_per_cycle: float = 0.0
    stall_cycles: int = 0
    on_chip_accuracy: float | None = None


@dataclass(frozen=True)
class Pace:
    """How often, in epochs, the state is put into the transcript and scored; `target` accuracy ends the training."""

    checkpoint: int = 5
    evaluate: int = 2
    target: float | None = None


@contextmanager
def noticed_interrupt() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, instead of an exception at any point; a second one raises KeyboardInterrupt."""
    pressed = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def follow(
    session: TrainingSession, pace: Pace, say: Say, progress: Progress, trained: Callable[[], object] = lambda: None
) -> Told:
    """Trains until the plan is done, the target is reached, or Ctrl-C; the chip is then idle behind a planned run.

    trained: called then, before the last checkpoint is taken.
    """
    told, started = Told(session.workload.name), time.monotonic()
    macs, before = session.device.counters().macs, session.device.accelerator()
    with noticed_interrupt() as interrupted:
        _train(session, pace, told, say, progress, interrupted)
        told.interrupted = interrupted()
        trained()
        session.checkpoint(complete=not told.interrupted)
    after = session.device.accelerator()
    told.steps, told.seconds = session.step, time.monotonic() - started
    told.macs = session.device.counters().macs - macs
    told.macs_per_cycle = told.macs / max(after.busy_cycles - before.busy_cycles, 1)
    told.stall_cycles = after.stall_cycles - before.stall_cycles
    return told


def _train(
    session: TrainingSession, pace: Pace, told: Told, say: Say, progress: Progress, interrupted: Callable[[], bool]
) -> None:
    since = Statistics()
    with closing(session.train()) as points:
        for point in points:
            progress(session.workload.name, point.step, session.workload.steps)
            if point.ends_epoch:
                is_last = point.step == session.workload.steps
                if _end_epoch(session, pace, told, point, since, say, is_last):
                    return
                since = point.training
                if point.epoch % pace.checkpoint == 0 and not is_last:
                    session.checkpoint()
            if interrupted():
                return


def _end_epoch(
    session: TrainingSession, pace: Pace, told: Told, end: Point, since: Statistics, say: Say, is_last: bool
) -> bool:
    """Reports an epoch; returns whether the target is reached."""
    made = end.training.since(since)
    row = {"epoch": float(end.epoch), "step": float(end.step), "bits": made.bits, "accuracy": made.accuracy}
    line = f"epoch {end.epoch:2d}  step {end.step:5d}  loss {made.bits:.3f} bits  {made.accuracy:.1%} right"
    scores: dict[str, float] = {}
    if is_last or end.epoch % pace.evaluate == 0:
        scores = session.workload.evaluate(np.frombuffer(session.read(session.workload.model), np.uint8))
        line += "  held out: " + ", ".join(f"{name.replace('_', ' ')} {score:.4f}" for name, score in scores.items())
    told.epochs.append({**row, **{f"held_out_{name}": score for name, score in scores.items()}})
    say(line)
    return pace.target is not None and scores.get("accuracy", 0.0) >= pace.target
