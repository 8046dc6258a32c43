"""Training on a chip in Python: bit-equal to the reference, interrupted, resumed, and its transcript."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from formats.descriptor import AcceleratorError, Descriptor, Run
from formats.link import ChipError
from formats.statement import Kind
from host.device import Device
from host.errors import AcceleratorStopped, EvidenceError, LinkTimeout
from host.evidence import records
from host.evidence.statement import parse
from host.link.message import ChipRefusal
from host.train.commitment import commitment_of
from host.train.digits import Digits
from host.train.follow import Pace, follow
from host.train.reference import default_seed, train
from host.train.seed import data_digests
from host.train.session import TrainingSession
from host.train.transcript import Transcript, canonical_json, file_digest
from sim.golden.ingest import inputs_digest
from tests.fake_chip import FakeChip, Served

EPOCHS, BATCH = 2, 256
"""10 steps in 4 planned runs: two lists of indices, used twice each."""

TIMEOUT = 20.0
SALT = bytes(32)
LIVETRAP = [sys.executable, "-c", "from host.cli import main; main()"]


def workload() -> Digits:
    return Digits(epochs=EPOCHS, batch=BATCH, hidden=32, steps_per_run=3)


def silent(*_: object) -> None:
    pass


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(FakeChip(pages=32)) as served:
        yield served


def transcript_in(folder: Path) -> Transcript:
    digits = workload()
    digests = data_digests(digits.examples, SALT)
    return Transcript.create(
        folder, commitment_of(digits, default_seed(digits), bytes(32), digests), b"".join(digests), SALT
    )


@pytest.fixture(scope="module")
def reference() -> list[bytes]:
    """Memory after each planned run."""
    digits = workload()
    return [trained.memory for trained in train(digits, default_seed(digits))]


def session_on(device: Device, transcript: Transcript | None = None) -> TrainingSession:
    digits = workload()
    return TrainingSession(device, digits, default_seed(digits), transcript)


def test_memory_is_the_references_bit_for_bit(served: Served, reference: list[bytes]) -> None:
    with Device.open(served.port, timeout=TIMEOUT) as device:
        session, lines = session_on(device), []
        session.begin(silent)
        told = follow(session, Pace(evaluate=1), lines.append, silent)
        assert served.chip.chip.memory == reference[-1]
        assert (told.steps, session.step, session.runs) == (10, 10, 4)
        assert served.chip.chip.steps == 10 and told.macs == served.chip.chip.macs
        assert len(lines) == EPOCHS and "held out: accuracy" in lines[-1]
        tested = session.test(silent)
        scores = session.workload.evaluate(np.frombuffer(reference[-1], np.uint8))
        assert tested is not None and tested.rows == 450 and tested.accuracy == scores["accuracy"]


def test_a_busy_chip_is_waited_for(served: Served, reference: list[bytes]) -> None:
    served.chip.faults.run_polls = 3
    with Device.open(served.port, timeout=TIMEOUT) as device:
        session = session_on(device)
        session.begin(silent)
        follow(session, Pace(), silent, silent)
        assert served.chip.chip.memory == reference[-1]


@pytest.mark.parametrize("stop_after", (1, 2))
@pytest.mark.parametrize("reboot", (False, True), ids=("chip goes on", "chip was reset"))
def test_interrupted_and_resumed_is_uninterrupted(
    served: Served, reference: list[bytes], tmp_path: Path, stop_after: int, reboot: bool
) -> None:
    folder = tmp_path / "run"
    transcript = transcript_in(folder)
    with Device.open(served.port, timeout=TIMEOUT, record=transcript.record) as device:
        session = session_on(device, transcript)
        session.begin(silent)
        points = session.train()
        for _ in range(stop_after):
            next(points)
        points.close()
        session.checkpoint()
        assert served.chip.chip.run is None
        assert served.chip.chip.memory == reference[session.runs - 1]
    if reboot:
        served.chip.boot()
    transcript, manifest = Transcript.open(folder)
    with Device.open(served.port, timeout=TIMEOUT, record=transcript.record) as device:
        session = session_on(device, transcript)
        assert session.resume(manifest, silent) is not reboot
        follow(session, Pace(), silent, silent)
    assert served.chip.chip.memory == reference[-1]
    _, manifest = Transcript.open(folder)
    assert manifest.complete and len(manifest.sessions) == 1 + reboot
    assert sum(each.steps for each in manifest.sessions) == 10


def test_the_transcript_is_what_the_chip_did(served: Served, reference: list[bytes], tmp_path: Path) -> None:
    transcript = transcript_in(tmp_path / "run")
    with Device.open(served.port, timeout=TIMEOUT, record=transcript.record) as device:
        session = session_on(device, transcript)
        session.begin(silent)
        follow(session, Pace(checkpoint=1), silent, silent)
    chip = served.chip.chip
    _, manifest = Transcript.open(tmp_path / "run")
    (only,) = manifest.sessions
    assert (only.records, only.steps, only.descriptors, manifest.macs) == (
        chip.records,
        10,
        chip.descriptor,
        chip.macs,
    )
    boots = records.parse(transcript.record.read_bytes()).boots
    assert inputs_digest(boots[chip.bootcount]) == chip.inputs
    stated = parse(transcript.get(f"precommit/{only.bootcount:08d}.cose"))
    assert stated.kind is Kind.PRECOMMIT and stated.seq == only.precommit
    assert stated.digest == file_digest(transcript.get("commitment.json"))
    assert stated.records == 0, "committed before anything went in"
    assert stated.signed_by(chip.public_key)
    assert [each.step for each in manifest.checkpoints] == [0, 5, 10]
    last = transcript.checkpoint(manifest.checkpoints[-1])
    digits = workload()
    assert all(np.array_equal(last[name], value) for name, value in digits.state_tensors(reference[-1]).items())
    with safe_open(tmp_path / "run" / manifest.checkpoints[-1].file, "np") as file:
        assert file.metadata() is None
    commitment = json.loads(transcript.get("commitment.json"))
    assert canonical_json(commitment) == transcript.get("commitment.json")
    assert commitment["data"]["digest"] == file_digest(transcript.get("data.digests")).hex()
    assert (tmp_path / "run" / "vault").stat().st_mode & 0o077 == 0


def test_a_checkpoint_that_was_changed_is_refused(served: Served, tmp_path: Path) -> None:
    transcript = transcript_in(tmp_path / "run")
    with Device.open(served.port, timeout=TIMEOUT, record=transcript.record) as device:
        session = session_on(device, transcript)
        session.begin(silent)
    path = tmp_path / "run" / "checkpoints" / "00000000.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    served.chip.boot()
    transcript, manifest = Transcript.open(tmp_path / "run")
    with Device.open(served.port, timeout=TIMEOUT, record=transcript.record) as device:
        with pytest.raises(EvidenceError, match="not the checkpoint"):
            session_on(device, transcript).resume(manifest, silent)
    with pytest.raises(EvidenceError, match="not empty"):
        transcript_in(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").write_bytes(b"{}")
    with pytest.raises(EvidenceError, match="manifest"):
        Transcript.open(tmp_path / "run")


@pytest.mark.parametrize("value", (1.5, {"a": [2.0]}, {1: 2}, b"x", (1,)))
def test_what_has_no_canonical_form(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_a_refused_descriptor_is_told(served: Served) -> None:
    with Device.open(served.port, timeout=TIMEOUT) as device:
        device.write_memory(0, Descriptor(9, 8).encode())
        device.run(0, Run(1))
        with pytest.raises(AcceleratorStopped, match=r"the descriptor at 0x0: .*unknown opcode"):
            device.wait_idle(5)
        assert device.accelerator().error is AcceleratorError.OPCODE
        with pytest.raises(ChipRefusal) as refusal:
            device.run(0, Run(1))
        assert refusal.value.error is ChipError.STOPPED
        device.clear_accelerator()
        device.run(0, Run(0))
        assert device.wait_idle(5).error is AcceleratorError.NONE
        served.chip.faults.run_polls = 10**6
        device.write_memory(0, Descriptor(9, 8).encode())
        device.run(0, Run(1))
        with pytest.raises(LinkTimeout, match="still busy"):
            device.wait_idle(0.1)
