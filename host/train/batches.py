"""Training in batches: what the workloads have in common."""

from collections.abc import Iterator

from formats.descriptor import DESCRIPTOR_BYTES, Run

from .layout import Layout, Tensor
from .seed import order
from .workload import PlannedRun, Records, Workload

INDEX_BYTES = 2
"""Of an example's number in a list of indices."""


class BatchWorkload(Workload):
    """Examples in a new order in each epoch, the same number in each step.

    population: examples. batch: of a step. steps_per_run: of a planned run. slow_after: epochs after which updates
    become half as large, time and again. programs_at, lists: two programs and their lists, which take turns.
    """

    population: int
    batch: int
    steps_per_run: int
    slow_after: int
    programs_at: list[Tensor]
    lists: list[Tensor]

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches; a few examples, others in each epoch, are left out."""
        return self.population // self.batch

    def place_programs(self, layout: Layout, descriptors: int) -> None:
        """Memory for the programs, of so many descriptors, and for their lists."""
        list_bytes = self.steps_per_run * self.batch * INDEX_BYTES
        self.programs_at = [
            layout.place(f"program {which}", descriptors, DESCRIPTOR_BYTES, "uint8") for which in "AB"
        ]
        self.lists = [layout.place(f"indices {which}", 1, list_bytes, "uint8") for which in "AB"]

    def slower(self, epoch: int) -> int:
        """How often updates have been halved by this epoch."""
        return (epoch - 1) // self.slow_after

    def runs(self, seed: bytes) -> Iterator[PlannedRun]:
        """Lists of indices take turns: while a run reads one, the other is written."""
        turn = 0
        for epoch in range(1, self.epochs + 1):
            indices = order(seed, f"order of epoch {epoch}", self.population).astype("<u2")
            is_changed = epoch > 1 and self.slower(epoch) != self.slower(epoch - 1)
            changed: Records = self.programs(epoch) if is_changed else []
            for first in range(0, self.steps_per_epoch, self.steps_per_run):
                steps = min(self.steps_per_run, self.steps_per_epoch - first)
                batches = indices[first * self.batch : (first + steps) * self.batch].tobytes()
                program, here, there = self.programs_at[turn], self.lists[turn], self.lists[1 - turn]
                run = Run(program.rows, steps, there.address, there.end)
                yield PlannedRun([*changed, (here.address, batches)], program.address, run, steps, epoch)
                changed, turn = [], 1 - turn
