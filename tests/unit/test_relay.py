"""The relay between a chip that is held and a log server: nothing is skipped, whatever dies on the way."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from formats.configuration import Configuration, LogMode
from formats.descriptor import Run
from formats.link import ChipError, Command
from host import enrol, hss
from host.cli import run as livetrap
from host.device import Device
from host.errors import EvidenceError, FieldError, LinkError, LinkTimeout, LivetrapError
from host.link.message import ChipRefusal
from host.logserver.client import LogServerClient, LogServerUnavailable
from host.logserver.messages import Answer, LogServerRefusal, Submission
from host.logserver.relay import Relay
from host.logserver.server import LogServer
from host.logserver.store import Store
from tests.evidence_story import MAKER_KEY, MAKER_SEED
from tests.fake_chip import FakeChip, Served

TIMEOUT = 5.0
NONCE = bytes(range(32))


def server_chip(key: bytes, **options: object) -> FakeChip:
    """A chip whose log mode is `server`."""
    firmware = bytes.fromhex("00000001") + bytes(range(48))
    return FakeChip(configuration=Configuration(firmware, key, LogMode.SERVER), **options)


@contextmanager
def serving(store: Store, port: int = 0) -> Iterator[LogServer]:
    server = LogServer(store, "127.0.0.1", port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def store(tmp_path: Path, hss_key: Path) -> Iterator[Store]:
    with hss.open_key(hss_key) as key, Store(tmp_path / "log.sqlite", key.sign, MAKER_KEY) as store:
        yield store


@pytest.fixture
def server(store: Store) -> Iterator[LogServer]:
    with serving(store) as server:
        yield server


@pytest.fixture
def chip(hss_key: Path) -> FakeChip:
    return server_chip(hss.public_key(hss_key))


@pytest.fixture
def device(chip: FakeChip) -> Iterator[Device]:
    with Served(chip) as served, Device.open(served.port, timeout=TIMEOUT) as device:
        enrol.certify(device, MAKER_SEED)
        yield device


def test_a_held_chip_goes_on_when_it_has_its_receipt(chip: FakeChip, device: Device, server: LogServer) -> None:
    relay = Relay(device, LogServerClient(server.url))
    assert relay.step() == 0 and not device.receipt_state().held
    seq = device.snapshot()
    assert (device.receipt_state().held, device.receipt_state().seq) == (True, seq)
    with pytest.raises(ChipRefusal, match="held until the log server"):
        device.exchange.timeout = 0.2
        device.run(0, Run(1))
    device.exchange.timeout = TIMEOUT
    assert relay.step() == 1 and not device.receipt_state().held
    assert server.store.next_of(chip.chip.ueid) == seq + 1
    device.run(0, Run(0))


def test_a_chip_that_wants_no_receipts(server: LogServer) -> None:
    with Served(FakeChip()) as served, Device.open(served.port, timeout=TIMEOUT) as device:
        with pytest.raises(LivetrapError, match="takes no receipts"):
            Relay(device, LogServerClient(server.url)).step()


def test_every_statement_is_posted_in_order(chip: FakeChip, device: Device, server: LogServer) -> None:
    for _ in range(3):
        device.attest(NONCE)
        chip.snapshot()
    chip.boot()
    chip.snapshot()
    relay = Relay(device, LogServerClient(server.url))
    assert relay.finish(10) == 4 and relay.finish(10) == 0
    assert server.store.next_of(chip.chip.ueid) == chip.chip.seq


def test_more_statements_than_one_request_takes(hss_key: Path, server: LogServer) -> None:
    chip = server_chip(hss.public_key(hss_key), capacity=1000)
    with Served(chip) as served, Device.open(served.port, timeout=TIMEOUT) as device:
        enrol.certify(device, MAKER_SEED)
        for _ in range(70):
            chip.boot()
        chip.snapshot()
        relay = Relay(device, LogServerClient(server.url))
        assert relay.step() == 1
    assert server.store.next_of(chip.chip.ueid) == chip.chip.seq


def test_a_relay_that_is_begun_anew(chip: FakeChip, device: Device, server: LogServer) -> None:
    for _ in range(3):
        chip.snapshot()
        assert Relay(device, LogServerClient(server.url)).step() == 1


def test_a_receipt_that_did_not_reach_the_chip(chip: FakeChip, device: Device, server: LogServer) -> None:
    """The server has stored the statement, and gives the very same receipt again."""
    seq = chip.snapshot()
    certificate = chip.certificate
    first = LogServerClient(server.url).submit(Submission(certificate, [chip.log[at] for at in range(seq + 1)]))
    given: list[bytes] = []
    chip.take_receipt, taken = (lambda body: given.append(body["data"]) or taken(body)), chip.take_receipt
    assert Relay(device, LogServerClient(server.url)).step() == 1
    assert given == [first.receipts[seq]]


def test_a_server_that_lost_its_newest_statements(
    chip: FakeChip, device: Device, tmp_path: Path, hss_key: Path
) -> None:
    """A relay that goes on is told where the server is, and posts from there."""
    with hss.open_key(hss_key) as key, Store(tmp_path / "a.sqlite", key.sign) as first:
        with serving(first) as server:
            port = server.server_address[1]
            relay = Relay(device, LogServerClient(server.url))
            chip.snapshot()
            assert relay.step() == 1
        chip.snapshot()
        with Store(tmp_path / "b.sqlite", key.sign) as second:
            second.accept(Submission(chip.certificate, [chip.log[0]]))
            with serving(second, port):
                assert relay.step() == 1
            assert second.next_of(chip.chip.ueid) == chip.chip.seq


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Broken:
    """A log server that cannot be reached for a while."""

    url = "broken"

    def __init__(self, client: LogServerClient, failures: int) -> None:
        self.client, self.failures, self.tries = client, failures, 0

    def _fail(self) -> None:
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise LogServerUnavailable("log server broken: away")

    def next_of(self, ueid: bytes) -> int | None:
        self._fail()
        return self.client.next_of(ueid)

    def submit(self, submission: Submission) -> Answer:
        self._fail()
        return self.client.submit(submission)


def test_a_server_that_comes_back(chip: FakeChip, device: Device, server: LogServer) -> None:
    """Each pause is at least twice the one before."""
    clock, broken = Clock(), Broken(LogServerClient(server.url), 3)
    relay = Relay(device, broken, patience=60, clock=clock)
    chip.snapshot()
    tried_at = []
    while device.receipt_state().held:
        tries = broken.tries
        relay.step()
        if broken.tries > tries:
            tried_at.append(clock.now - 100)
        clock.now += 0.125
        assert clock.now < 110
    assert tried_at == [0, 0.25, 0.75, 1.625]


def test_a_server_that_stays_away(chip: FakeChip, device: Device, server: LogServer) -> None:
    clock, broken = Clock(), Broken(LogServerClient(server.url), 10**6)
    relay = Relay(device, broken, patience=30, clock=clock)
    chip.snapshot()
    with pytest.raises(LogServerUnavailable):
        for _ in range(1000):
            relay.step()
            clock.now += 0.1
    assert 129.9 <= clock.now <= 136 and broken.tries <= 12
    assert device.receipt_state().held


def test_what_a_server_refuses_for_good(chip: FakeChip, device: Device, server: LogServer) -> None:
    """A chip whose history has a second branch."""
    chip.snapshot()
    saved, log = chip.chip, dict(chip.log)
    chip.snapshot()
    Relay(device, LogServerClient(server.url)).step()
    chip.chip, chip.log, chip.receipted = saved, log, 0
    chip.chip = replace(chip.chip, ticks=77)
    chip.snapshot()
    with pytest.raises(LogServerRefusal, match="two histories"):
        Relay(device, LogServerClient(server.url)).step()
    assert device.receipt_state().held


def test_a_chip_that_forgot_what_the_server_lacks(chip: FakeChip, device: Device, server: LogServer) -> None:
    LogServerClient(server.url).submit(Submission(chip.certificate, [chip.log[0]]))
    chip.boot()
    chip.snapshot()
    del chip.log[0], chip.log[1]
    with pytest.raises(EvidenceError, match="lacks statements 1 to 1"):
        Relay(device, LogServerClient(server.url)).step()


def test_a_chip_without_a_certificate(hss_key: Path, server: LogServer) -> None:
    chip = server_chip(hss.public_key(hss_key))
    with Served(chip) as served, Device.open(served.port, timeout=TIMEOUT) as device:
        chip.snapshot()
        with pytest.raises(EvidenceError, match="no certificate"):
            Relay(device, LogServerClient(server.url)).step()


def test_a_server_with_another_key(device: Device, chip: FakeChip, tmp_path: Path) -> None:
    other = tmp_path / "other"
    hss.save(other, hss.generate(1, 5))
    with hss.open_key(other) as key, Store(tmp_path / "other.sqlite", key.sign) as store, serving(store) as server:
        chip.snapshot()
        with pytest.raises(ChipRefusal, match="not signed by the key") as caught:
            Relay(device, LogServerClient(server.url)).step()
    assert caught.value.error is ChipError.UNSIGNED and device.receipt_state().held


@pytest.mark.parametrize("spoil", [lambda receipt: receipt[:-1], lambda receipt: receipt[:40] + b"?" + receipt[41:]])
def test_a_spoilt_receipt(chip: FakeChip, device: Device, server: LogServer, spoil: Callable[[bytes], bytes]) -> None:
    class Spoiling(LogServerClient):
        def submit(self, submission: Submission) -> Answer:
            answer = super().submit(submission)
            return Answer(answer.next, {seq: spoil(receipt) for seq, receipt in answer.receipts.items()})

    chip.snapshot()
    with pytest.raises(FieldError, match="receipt: "):
        Relay(device, Spoiling(server.url)).step()
    assert device.receipt_state().held


def test_a_chip_that_takes_no_step_forward(chip: FakeChip, device: Device, server: LogServer) -> None:
    chip.snapshot()
    chip.take_receipt = lambda body: {}
    with pytest.raises(LinkError, match="waits for"):
        Relay(device, LogServerClient(server.url)).step()


def test_finish_is_bounded(chip: FakeChip, device: Device, server: LogServer) -> None:
    chip.snapshot()
    relay = Relay(device, Broken(LogServerClient(server.url), 10**6), patience=60)
    with pytest.raises(LinkTimeout, match="not every snapshot"):
        relay.finish(0.3)


def test_lost_and_garbled_frames(chip: FakeChip, device: Device, server: LogServer) -> None:
    device.exchange.timeout = 1.0
    for fault in ("lose", "garble") * 2:
        chip.snapshot()
        setattr(chip.faults, fault, 1)
        assert Relay(device, LogServerClient(server.url)).step() == 1


# While the host waits.


def test_whoever_waits_relays(chip: FakeChip, device: Device, server: LogServer) -> None:
    relay = Relay(device, LogServerClient(server.url))
    device.meanwhile = relay.step
    chip.faults.run_polls = 3
    device.run(0, Run(0, 1))
    chip.snapshot()
    assert not device.wait_idle(10).busy
    chip.snapshot()
    device.run(0, Run(0, 1))
    assert not device.receipt_state().held


def test_what_is_done_meanwhile_does_not_call_itself(chip: FakeChip, device: Device) -> None:
    calls = []

    def meanwhile() -> None:
        calls.append(1)
        chip.faults.busy = 1 if len(calls) == 1 else 0
        device.attest(NONCE)

    device.meanwhile = meanwhile
    chip.faults.busy = 1
    device.attest(NONCE)
    assert len(calls) == 1


def test_time_spent_meanwhile_does_not_count(chip: FakeChip, device: Device) -> None:
    device.exchange.timeout = 0.4
    chip.faults.busy = 2
    device.meanwhile = lambda: time.sleep(0.6)
    assert device.attest(NONCE) > 0


def test_waiting_for_a_held_chip_says_why(chip: FakeChip, device: Device) -> None:
    chip.faults.run_polls = 10**6
    device.run(0, Run(1))
    chip.snapshot()
    with pytest.raises(LinkTimeout, match="held until a receipt comes"):
        device.wait_idle(0.2)


# The commands.

LIVETRAP = [sys.executable, "-c", "from host.cli import main; main()"]


@contextmanager
def running_server(tmp_path: Path, key: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [*LIVETRAP, "logserver", "--db", str(tmp_path / "log.sqlite"), "--key", str(key), "--json", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = ""
        while not lines.rstrip().endswith("}"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines += line
        yield process, json.loads(lines)["url"]
    finally:
        process.kill()
        process.wait(10)


def test_server_and_relay_as_commands(
    chip: FakeChip, hss_key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server is killed with a statement stored and its receipt not fetched; nothing is lost, nothing skipped."""
    with Served(chip, "tcp") as served:
        with Device.open(served.port, timeout=TIMEOUT) as device:
            enrol.certify(device, MAKER_SEED)
        chip.snapshot()
        with running_server(tmp_path, hss_key, "--listen", "127.0.0.1:0") as (process, url):
            assert livetrap(["relay", "--server", url, "--once", "--port", served.port, "--json"]) == 0
            assert json.loads(capsys.readouterr().out) == {"receipts": 1}
            chip.snapshot()
            client = LogServerClient(url)
            client.submit(Submission(chip.certificate, [chip.log[seq] for seq in sorted(chip.log)]))
            process.kill()
            process.wait(10)
            gone = ["relay", "--server", url, "--once", "--patience", "0.1", "--port", served.port]
            assert livetrap(gone) == 2
            said = capsys.readouterr().err
            assert (said.startswith("livetrap: ") and "refused" in said.splitlines()[-1]) or "receipt" in said
        with running_server(tmp_path, hss_key, "--listen", "127.0.0.1:0") as (process, url):
            assert livetrap(["relay", "--server", url, "--once", "--port", served.port]) == 0
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
    assert chip.receipted == chip.chip.seq


def test_the_relay_survives_an_unplugged_chip(chip: FakeChip, store: Store, tmp_path: Path) -> None:
    """Over TCP: the chip's port goes away and comes back."""
    with serving(store) as server:
        with Served(chip, "tcp") as served, Device.open(served.port, timeout=TIMEOUT) as device:
            enrol.certify(device, MAKER_SEED)
        with Served(chip, "tcp") as served:
            relay = subprocess.Popen(
                [*LIVETRAP, "relay", "--server", server.url, "--port", served.port, "--timeout", "2"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                chip.snapshot()
                until(lambda: not chip.held)
                drop(chip)
                chip.snapshot()
                until(lambda: not chip.held)
            finally:
                relay.send_signal(signal.SIGINT)
                _, said = relay.communicate(timeout=20)
    assert relay.returncode == 130 and "Traceback" not in said


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def drop(chip: FakeChip) -> None:
    """At its next request the client's connection breaks; the port stays."""

    def broken(command: int, operation: int) -> None:
        chip.faults.before = lambda command, operation: None
        raise ConnectionResetError

    chip.faults.before = broken


@pytest.mark.parametrize("address", ["8440", "host:", "host:99999", ":80"])
def test_addresses_that_are_none(address: str, hss_key: Path, tmp_path: Path) -> None:
    command = ["logserver", "--db", str(tmp_path / "db"), "--key", str(hss_key), "--listen", address]
    assert livetrap(command) == 2


def test_a_relay_with_nothing_to_do(chip: FakeChip, device: Device, server: LogServer) -> None:
    """It asks the chip twice, and the server never."""
    relay = Relay(device, Broken(LogServerClient(server.url), 10**6))
    assert relay.step() == 0
    chip.requests.clear()
    assert relay.step() == 0
    assert [request[0] for request in chip.requests] == [Command.RECEIPT, Command.INFO]
