"""Training on a chip that is held after each snapshot: the session relays while it waits, and ends the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from formats.configuration import Configuration, LogMode
from host import enrol, hss
from host.cli import run as livetrap
from host.device import Device
from host.evidence.statement import parse
from host.logserver.client import LogServerClient, LogServerUnavailable
from host.logserver.relay import Relay
from host.logserver.server import LogServer
from host.logserver.store import Store
from host.train.reference import default_seed, train
from host.train.session import TrainingSession
from tests.evidence_story import MAKER_KEY, MAKER_SEED
from tests.fake_chip import FakeChip, Served
from tests.unit.test_relay import serving
from tests.unit.test_train_session import silent, workload

FIRMWARE_KEY = bytes.fromhex("00000001") + bytes(range(48))


@pytest.fixture
def chip(hss_key: Path) -> FakeChip:
    """It takes a snapshot in every run, and holds it."""
    configuration = Configuration(FIRMWARE_KEY, hss.public_key(hss_key), LogMode.SERVER)
    chip = FakeChip(capacity=1000, pages=32, configuration=configuration)
    chip.faults.run_polls = 2

    taken = set()

    def before(command: int, operation: int) -> None:
        if chip.chip.run is not None and not chip.held and chip.chip.descriptor not in taken:
            taken.add(chip.chip.descriptor)
            chip.snapshot()

    chip.faults.before = before
    return chip


@pytest.fixture
def server(tmp_path: Path, hss_key: Path) -> Iterator[LogServer]:
    with hss.open_key(hss_key) as key, Store(tmp_path / "log.sqlite", key.sign, MAKER_KEY) as store:
        with serving(store) as server:
            yield server


@contextmanager
def enrolled(chip: FakeChip) -> Iterator[str]:
    with Served(chip, "tcp") as served:
        with Device.open(served.port, timeout=5.0) as device:
            enrol.certify(device, MAKER_SEED)
        yield served.port


def test_a_held_chip_trains_to_the_same_memory(chip: FakeChip, server: LogServer) -> None:
    digits = workload()
    with enrolled(chip) as port, Device.open(port, timeout=20.0) as device:
        relay = Relay(device, LogServerClient(server.url))
        device.meanwhile = relay.step
        session = TrainingSession(device, digits, default_seed(digits))
        session.begin(silent)
        for _ in session.train():
            pass
        relay.finish(10)
    reference = [trained.memory for trained in train(digits, default_seed(digits))][-1]
    assert chip.chip.memory[: len(reference)] == reference
    snapshots = [seq for seq, data in chip.log.items() if parse(data).kind.name == "SNAPSHOT"]
    assert len(snapshots) >= 4 and chip.receipted > max(snapshots)
    assert server.store.next_of(chip.chip.ueid) == max(snapshots) + 1


def test_a_server_that_is_away_ends_the_training(chip: FakeChip) -> None:
    digits = workload()
    with enrolled(chip) as port, Device.open(port, timeout=20.0) as device:
        device.meanwhile = Relay(device, LogServerClient("http://127.0.0.1:1"), patience=0.1).step
        session = TrainingSession(device, digits, default_seed(digits))
        session.begin(silent)
        with pytest.raises(LogServerUnavailable):
            list(session.train())
    assert chip.held


def test_the_command(chip: FakeChip, server: LogServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole of the digits is too much for this test: the target ends it after an epoch."""
    chip.chip = chip.chip.__class__(
        chip.chip.chip_id, chip.chip.seed, pages=128, configuration=chip.chip.configuration
    )
    chip.log.clear()
    chip.boot()
    with enrolled(chip) as port:
        command = ["train", "digits", "--epochs", "1", "--no-test", "--log-server", server.url, "--port", port]
        assert livetrap([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] > 0
    assert not chip.held and server.store.next_of(chip.chip.ueid) is not None
