"""The device API against a chip in Python, which can also misbehave."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.link import CHUNK_BYTES, OS_GROUP, USER_GROUP, ChipError, Command, OsCommand
from formats.statement import Cause, Kind
from host.device import Device
from host.errors import LinkError, LinkTimeout, LivetrapError, PortBusy, PortLost
from host.evidence import records
from host.evidence.replay import Position, Replay
from host.evidence.statement import parse
from host.link.frame import encode
from host.link.message import ChipRefusal, Message, Operation
from sim.golden.ingest import inputs_digest
from tests.fake_chip import FakeChip, Served

TIMEOUT = 2.0
NONCE = bytes(range(32))


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(FakeChip()) as served:
        yield served


@pytest.fixture
def device(served: Served) -> Iterator[Device]:
    with Device.open(served.port, timeout=TIMEOUT) as device:
        yield device


def count(served: Served, command: int) -> int:
    return sum(1 for request in served.chip.requests if request[0] == command)


def test_says_what_the_chip_says(served: Served, device: Device) -> None:
    info = device.info()
    assert (info.ueid, info.key) == (served.chip.chip.ueid, served.chip.chip.public_key)
    assert info.memory_bytes == 5 * 4096 and info.seq == 1 and info.config == "fake"
    assert device.counters().records == 0
    assert device.parameters().buf_count == 1
    assert device.echo("grüße") == "grüße"
    assert device.trigger_rate() == 1 << 40


def test_writes_in_chunks_of_one_record_each(served: Served, device: Device) -> None:
    data = bytes(range(250)) * 12
    seen: list[tuple[int, int]] = []
    assert device.write_memory(4088, data, lambda done, total: seen.append((done, total))) == 3
    assert served.chip.chip.memory[4088 : 4088 + len(data)] == data
    assert seen == [(1024, 3000), (2048, 3000), (3000, 3000)]
    assert device.read_memory(4080, 3016) == bytes(8) + data + bytes(8)
    assert device.set_trigger_rate(5) == 4
    assert device.trigger_rate() == 5


def test_statements_and_images(device: Device) -> None:
    device.write_memory(0, b"weights!" * 4)
    assert device.snapshot() == 1
    assert device.attest(NONCE) == 2
    assert device.snapshot(NONCE) == 3
    found = [parse(data) for _, data in device.statements()]
    assert [statement.kind for statement in found] == [Kind.BOOT, Kind.SNAPSHOT, Kind.HEAD, Kind.SNAPSHOT]
    assert [statement.cause for statement in found[1:]] == [Cause.HOST, Cause.NONE, Cause.CHALLENGE]
    assert found[2].nonce == found[3].nonce == NONCE
    assert [seq for seq, _ in device.statements(2)] == [2, 3]
    assert device.read_image(3, 5 * 4096) == b"weights!" * 4 + bytes(5 * 4096 - 32)
    assert device.read_page(3, 4, 4096) == bytes(4096)
    with pytest.raises(ChipRefusal, match="newer snapshot") as caught:
        device.read_page(1, 0, 4096)
    assert caught.value.error is ChipError.SUPERSEDED


@pytest.mark.parametrize(
    "act, reason",
    [
        (lambda device: device.read_memory(0, 5 * 4096 + 8), "lie within accelerator memory"),
        (lambda device: device.read_memory(4, 8), "multiples of 8"),
        (lambda device: device.write_memory(5 * 4096, bytes(8)), "lie within accelerator memory"),
        (lambda device: device.write_memory(3, bytes(8)), "multiples of 8"),
        (lambda device: device.write_memory(0, bytes(9)), "multiples of 8"),
        (lambda device: device.write_memory(0, b""), "multiples of 8"),
        (lambda device: device.statement(99), "no such entry"),
        (lambda device: device.set_trigger_rate(1 << 64), "does not lie"),
        (lambda device: device.attest(b"short"), "32 bytes"),
        (lambda device: device.attest(bytes(32)), "not zero"),
        (lambda device: device.put_certificate(bytes(CHUNK_BYTES + 1)), "more than one request may"),
    ],
)
def test_refusals_are_one_line(device: Device, act: object, reason: str) -> None:
    with pytest.raises(LivetrapError, match=reason) as caught:
        act(device)
    assert "\n" not in str(caught.value)


def test_certificate_is_set_once(device: Device) -> None:
    assert device.certificate() is None
    device.put_certificate(b"certificate")
    assert device.certificate() == b"certificate"
    with pytest.raises(ChipRefusal, match="once"):
        device.put_certificate(b"another")


def test_reset_boots_anew(served: Served, device: Device) -> None:
    device.write_memory(0, bytes(range(8)))
    info = device.reset()
    assert (info.bootcount, info.seq) == (2, 2)
    assert device.read_memory(0, 8) == bytes(8)


def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(served: Served, device: Device) -> None:
    served.chip.faults.lose = 2
    assert device.write_memory(0, bytes(range(8))) == 1
    assert count(served, Command.MEMORY) >= 3
    sequences = {request[2] for request in served.chip.requests if request[0] == Command.MEMORY}
    assert len(sequences) == 1
    assert device.counters().records == 1
    assert device.exchange.retries >= 2


def test_a_garbled_answer_is_asked_for_again(served: Served, device: Device) -> None:
    served.chip.faults.garble = 1
    assert device.snapshot() == 1
    assert device.info().seq == 2


def test_console_text_between_answers(served: Served, device: Device) -> None:
    served.chip.faults.console = b"boot: \x1b[1mready\x1b[0m\r\nno newline yet: "
    assert device.info().seq == 1
    assert device.echo("x" * 300) == "x" * 300
    assert b"ready" in device.exchange.console


def test_answers_to_other_requests_are_left_out(served: Served, device: Device) -> None:
    """Late, repeated, and of another command or group."""
    assert device.echo("first") == "first"
    last = served.chip.requests[-1][2]
    for message in (
        Message(Operation.WRITE_RESPONSE, OS_GROUP, OsCommand.ECHO, last, {"r": "first"}),
        Message(Operation.READ_RESPONSE, OS_GROUP, OsCommand.ECHO, (last + 1) % 256, {"r": "read"}),
        Message(Operation.WRITE_RESPONSE, OS_GROUP, OsCommand.RESET, (last + 1) % 256, {"r": "reset"}),
        Message(Operation.WRITE_RESPONSE, USER_GROUP, OsCommand.ECHO, (last + 1) % 256, {"r": "group"}),
    ):
        served.chip.faults.console += encode(message.pack())
    assert device.echo("second") == "second"


def test_a_busy_chip_is_asked_anew_with_another_request(served: Served, device: Device) -> None:
    served.chip.faults.busy = 3
    assert device.attest(NONCE) == 1
    assert len({request[2] for request in served.chip.requests if request[0] == Command.ATTEST}) == 4


def test_a_chip_that_stays_busy_is_not_asked_for_ever(served: Served) -> None:
    served.chip.faults.busy = 10**6
    with Device.open(served.port, timeout=0.2) as device, pytest.raises(ChipRefusal, match="still at an earlier"):
        device.snapshot()


def test_a_deaf_chip_is_given_up(served: Served) -> None:
    served.chip.faults.deaf = True
    with Device.open(served.port, timeout=0.2) as device, pytest.raises(LinkTimeout, match="does not answer"):
        device.info()


def test_a_full_log_says_so() -> None:
    with Served(FakeChip(capacity=1)) as served, Device.open(served.port, timeout=TIMEOUT) as device:
        for act in (lambda: device.attest(NONCE), device.snapshot, lambda: device.write_memory(0, bytes(8))):
            with pytest.raises(ChipRefusal, match="log is full"):
                act()


@pytest.mark.parametrize("link", ["pty", "tcp"])
def test_unplugged_while_in_use(link: str) -> None:
    with Served(FakeChip(), link) as served, Device.open(served.port, timeout=TIMEOUT) as device:
        served.chip.faults.before = lambda command, operation: served.stop()
        with pytest.raises(PortLost, match="port "):
            device.info()
            device.info()


def test_the_port_is_held_alone(served: Served, device: Device) -> None:
    with pytest.raises(PortBusy, match="another program"):
        Device.open(served.port)


def test_the_port_is_free_again_afterwards(served: Served) -> None:
    for _ in range(2):
        with Device.open(served.port, timeout=TIMEOUT) as device:
            assert device.info().seq == 1


def test_tcp() -> None:
    with Served(FakeChip(), "tcp") as served:
        for _ in range(2):
            with Device.open(served.port, timeout=TIMEOUT) as device:
                assert device.echo("tcp") == "tcp"


def test_wrong_answers_are_link_errors(served: Served, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in ({"addr": 0, "data": b"short"}, {"addr": 8, "zeros": 8}, {"addr": 0, "zeros": 9}, {"addr": 0}, {}):
        monkeypatch.setattr(served.chip, "_user", lambda command, operation, request, body=body: body)
        with pytest.raises(LinkError):
            device.read_memory(0, 8)
    monkeypatch.setattr(served.chip, "_user", lambda command, operation, request: {"seq": 8, "data": b""})
    with pytest.raises(LinkError, match="statement 8 when asked for 7"):
        device.statement(7)


def test_the_record_is_what_the_chip_took(served: Served, tmp_path: Path) -> None:
    """Through lost answers, refusals and a reset."""
    path = tmp_path / "record"
    with Device.open(served.port, timeout=TIMEOUT, record=path) as device:
        device.write_memory(0, bytes(range(256)) * 9)
        served.chip.faults.lose = 1
        device.set_trigger_rate(77)
        with pytest.raises(ChipRefusal):
            device.write_memory(10**6, bytes(8))
        device.write_memory(8, bytes(range(8)))
    with Device.open(served.port, timeout=TIMEOUT, record=path) as device:
        device.write_memory(16, bytes(range(8)))
    first = served.chip.chip
    with Device.open(served.port, timeout=TIMEOUT, record=path) as device:
        device.reset()
        device.write_memory(24, bytes(range(8)))
    boots = records.parse(path.read_bytes()).boots
    assert {boot: len(items) for boot, items in boots.items()} == {1: 6, 2: 1}
    for boot, chip in ((1, first), (2, served.chip.chip)):
        assert inputs_digest(boots[boot]) == chip.inputs
        assert Replay(boots[boot], len(chip.memory)).to(Position(chip.records, 0, 0)).memory == chip.memory


def test_the_record_survives_a_link_that_fails(served: Served, tmp_path: Path) -> None:
    """Whether the chip took the last record is settled when it can be asked again."""
    path = tmp_path / "record"
    with Device.open(served.port, timeout=0.2, record=path) as device:
        served.chip.faults.deaf = True
        with pytest.raises(LinkTimeout):
            device.write_memory(0, bytes(range(8)))
        served.chip.faults.deaf = False
        served.chip.faults.lose = 10**6
        with pytest.raises(LinkTimeout):
            device.write_memory(0, bytes(range(8, 16)))
        served.chip.faults.lose = 0
        device.write_memory(0, bytes(range(16, 24)))
    boots = records.parse(path.read_bytes()).boots
    assert inputs_digest(boots[1]) == served.chip.chip.inputs
