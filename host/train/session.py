"""Trains a workload on a chip: what is sent when, what is read back, and how a run is interrupted and resumed.

The chip executes planned runs of several steps each. While it is busy with one, the host writes the next one's inputs
into the window that the run leaves open, and reads the loss statistics.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from formats.descriptor import STATISTICS_BYTES
from host.answers import Info
from host.device import Device
from host.errors import EvidenceError, LivetrapError

from .layout import Tensor, joined_spans
from .statistics import Statistics
from .transcript import PRECOMMIT, Checkpoint, Manifest, Session, Transcript
from .workload import PlannedRun, Records, Workload

Progress = Callable[[str, int, int], None]
"""Called with what is being moved, how much is done, and how much there is."""

IDLE_SECONDS = 120.0
"""Bound on the wait for a run of the plan."""


@dataclass(frozen=True)
class Point:
    """Where a training is after a planned run.

    training: statistics since this session of it began; exact if `ends_epoch`, for then the chip is idle, else a step
    or so ahead.
    """

    runs: int
    step: int
    epoch: int
    training: Statistics
    ends_epoch: bool


class TrainingSession:
    """One workload on one chip, from the chip's boot or from a checkpoint on.

    device: opened with the transcript's record file if there is a transcript. seed: 32 bytes, of W_0 and the order.
    Methods raise what Device raises, and EvidenceError when the transcript cannot be written.
    """

    def __init__(self, device: Device, workload: Workload, seed: bytes, transcript: Transcript | None = None) -> None:
        self.device = device
        self.workload = workload
        self.seed = seed
        self.transcript = transcript
        self.manifest: Manifest | None = None
        self.runs = 0
        """Planned runs that the chip has completed, of the whole training."""
        self.step = 0
        """Steps that the chip has completed, of the whole training."""

    def begin(self, progress: Progress) -> None:
        """Boots the chip anew, commits to the transcript if there is one, and loads data, programs and W_0."""
        info = self.boot()
        if self.transcript is not None:
            self.manifest = Manifest(info.ueid.hex(), self.transcript.commitment_digest().hex())
            self._open_session(info)
        records = self.workload.initial_records(self.seed)
        self._load(records, "load", progress)
        image = bytearray(self.workload.layout.size)
        for address, data in records:
            image[address : address + len(data)] = data
        self._checkpoint(bytes(image), complete=False)

    def resume(self, manifest: Manifest, progress: Progress) -> bool:
        """Continues a transcript's training. Returns whether the chip still held it; else a checkpoint is loaded.

        Raises EvidenceError when the transcript is another chip's, complete, or without a checkpoint.
        """
        if self.transcript is None:
            raise ValueError("there is no transcript to resume")
        path, info = self.transcript.path, self.device.info()
        if manifest.ueid != info.ueid.hex():
            raise EvidenceError(f"{path} is of chip {manifest.ueid}, not of {info.ueid.hex()}")
        if manifest.complete:
            raise EvidenceError(f"{path}: this training is complete")
        if not manifest.checkpoints:
            raise EvidenceError(f"{path}: there is no checkpoint to resume from")
        self.manifest = manifest
        last = manifest.checkpoints[-1]
        self.runs, self.step = last.runs, last.step
        if self._is_still_there(info, manifest.sessions[-1]):
            return True
        self._open_session(self.boot())
        self._load(self.workload.initial_records(self.seed), "load", progress)
        self._load(self._restored(last), "restore", progress)
        return False

    def train(self) -> Generator[Point, None, None]:
        """Executes the planned runs that are left, and yields after each: when the next one is under way or, at
        the end of an epoch, when the chip is idle.

        Closing the generator leaves the chip idle behind the last run that began, which counts as completed.
        """
        plan = islice(self.workload.runs(self.seed), self.runs, None)
        begun: PlannedRun | None = None
        before = self.statistics()

        def completed(ended: PlannedRun, ends_epoch: bool) -> Point:
            self.runs, self.step = self.runs + 1, self.step + ended.steps
            return Point(self.runs, self.step, ended.epoch, self.statistics().since(before), ends_epoch)

        try:
            for planned in plan:
                if begun is not None and begun.epoch != planned.epoch:
                    ended, begun = begun, None
                    self.device.wait_idle(IDLE_SECONDS)
                    yield completed(ended, ends_epoch=True)
                for address, data in planned.writes:
                    self.device.write_memory(address, data)
                self.device.run(planned.address, planned.run)
                before_it, begun = begun, planned
                if before_it is not None:
                    yield completed(before_it, ends_epoch=False)
        finally:
            self.device.wait_idle(IDLE_SECONDS)
            last = completed(begun, ends_epoch=True) if begun is not None else None
        if last is not None:
            yield last

    def checkpoint(self, complete: bool = False) -> None:
        """Waits until the chip is idle, and adds its state to the transcript if there is one."""
        self.device.wait_idle(IDLE_SECONDS)
        if self.transcript is not None:
            self._checkpoint(self.read(self.workload.state), complete)

    def _checkpoint(self, image: bytes, complete: bool) -> None:
        """Adds the state in a memory image, which is that of the idle chip."""
        if self.transcript is None or self.manifest is None:
            return
        counters, session = self.device.counters(), self.manifest.sessions[-1]
        self.manifest.sessions[-1] = replace(
            session,
            records=counters.records,
            steps=counters.steps,
            descriptors=counters.descriptors,
            macs=counters.macs - session.macs_before,
        )
        self.manifest.complete = complete
        self.transcript.put_checkpoint(self.manifest, self.step, self.runs, self.workload.state_tensors(image))

    def read(self, tensors: Iterable[Tensor]) -> bytes:
        """An image of accelerator memory with these tensors as they are on the chip, and zeros elsewhere."""
        image = bytearray(self.workload.layout.size)
        for begin, end in joined_spans(tensors):
            image[begin:end] = self.device.read_memory(begin, end - begin)
        return bytes(image)

    def test(self, progress: Progress) -> Statistics | None:
        """Evaluates held-out data on the chip, if the workload can; of the state, only the statistics change."""
        before = self.statistics()
        runs = list(self.workload.test_runs())
        if not runs:
            return None
        for done, planned in enumerate(runs):
            progress("test", done, len(runs))
            for address, data in planned.writes:
                self.device.write_memory(address, data)
            self.device.run(planned.address, planned.run)
            self.device.wait_idle(IDLE_SECONDS)
        progress("test", len(runs), len(runs))
        return self.statistics().since(before)

    def statistics(self) -> Statistics:
        """The chip's loss statistics as they are now."""
        return Statistics.of(self.device.read_memory(self.workload.statistics, STATISTICS_BYTES))

    def boot(self) -> Info:
        """Has the chip boot anew. Raises LivetrapError when the workload does not fit its memory."""
        info = self.device.reset()
        if info.memory_bytes < self.workload.layout.size:
            raise LivetrapError(
                f"{self.workload.name} needs {self.workload.layout.size} bytes of accelerator memory; "
                f"this chip (configuration {info.config}) has {info.memory_bytes}"
            )
        return info

    def _restored(self, checkpoint: Checkpoint) -> Records:
        """The records of a checkpoint's state, the lists of both turns, and the programs of its epoch."""
        assert self.transcript is not None
        try:
            state = self.workload.state_records(self.transcript.checkpoint(checkpoint))
        except ValueError as error:
            raise EvidenceError(f"{self.transcript.path / checkpoint.file}: {error}") from error
        done = list(islice(self.workload.runs(self.seed), checkpoint.runs))
        lists = [record for planned in done[-2:] for record in planned.writes]
        return [*state, *lists, *(self.workload.programs(done[-1].epoch) if done else [])]

    def _open_session(self, info: Info) -> None:
        """Commits before the first record of a boot."""
        assert self.transcript is not None and self.manifest is not None
        seq = self.device.precommit(self.transcript.commitment_digest())
        self.transcript.put(f"{PRECOMMIT}/{info.bootcount:08d}.cose", self.device.statement(seq))
        self.manifest.sessions.append(Session(info.bootcount, self.runs, seq, self.device.counters().macs))

    def _is_still_there(self, info: Info, session: Session) -> bool:
        """Whether the chip has taken nothing since the last checkpoint, and so holds what it held then."""
        if info.bootcount != session.bootcount or self.device.counters().records != session.records:
            return False
        state = self.device.accelerator()
        return not state.busy and not state.error

    def _load(self, records: Records, what: str, progress: Progress) -> None:
        total, done = sum(len(data) for _, data in records), 0
        for address, data in records:
            self.device.write_memory(address, data)
            done += len(data)
            progress(what, done, total)
