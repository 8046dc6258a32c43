"""Many simulations at once, on one core or with dask on many."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .detection import simulate_detection
from .estimate import DetectionEstimate
from .parameters import DetectionParameters, FleetError


@dataclass(frozen=True)
class Task:
    """The arguments of one simulate_detection."""

    parameters: DetectionParameters
    inspections_per_period: int
    worlds: int
    seed: int


def run_task(task: Task) -> DetectionEstimate:
    """simulate_detection of a task. Raises FleetError as that does."""
    return simulate_detection(task.parameters, task.inspections_per_period, task.worlds, task.seed)


def sweep(tasks: Sequence[Task], scheduler: str | None = None) -> list[DetectionEstimate]:
    """One estimate for each task, in order; the same ones whatever the scheduler.

    scheduler: None runs here, one after another; otherwise a scheduler of dask's ("threads", "processes",
    "synchronous", or "distributed" with a dask.distributed client open), from the extra `fleet`.

    Raises FleetError when dask is not installed.
    """
    if scheduler is None:
        return [run_task(task) for task in tasks]
    try:
        dask: Any = importlib.import_module("dask")
    except ImportError:
        raise FleetError("dask is not installed: install livetrap with its extra 'fleet'") from None
    return list(dask.compute(*[dask.delayed(run_task)(task) for task in tasks], scheduler=scheduler))
