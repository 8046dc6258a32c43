"""Firmware updates over the link: resumed, tried, confirmed, rolled back; and what verification says of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.boot import BootError
from formats.flash import Event
from formats.link import CHUNK_BYTES, Command, ImageCommand, SmpError
from formats.statement import Kind
from host import enrol
from host.cli import run as livetrap
from host.device import Device
from host.errors import LinkError, LinkTimeout, LivetrapError
from host.evidence.folder import EvidenceFolder
from host.evidence.statement import parse
from host.firmware.image import Image, Version
from host.firmware.update import Outcome, Updated, update
from host.link.message import ChipRefusal
from host.pull import pull
from host.verify import Verdict, verify
from host.verify.firmware import FIRMWARE
from host.verify.truncation import ERROR
from tests.evidence_story import MAKER_KEY, MAKER_SEED
from tests.fake_chip import FakeChip, Served

IMAGE = Image(bytes(range(256)) * 20, 0x1000, Version(1, 2, 3, 4), 2, 0xABCD, b"signature")
DATA = IMAGE.encode()
OLD = b"\x77" * 32
"""Measurement of the firmware that the chip in Python is made with."""


@pytest.fixture
def chip() -> FakeChip:
    return FakeChip()


@pytest.fixture
def served(chip: FakeChip) -> Iterator[Served]:
    with Served(chip) as served:
        yield served


@pytest.fixture
def device(served: Served) -> Iterator[Device]:
    with Device.open(served.port, timeout=2.0) as device:
        yield device


def updated(device: Device, image: Image = IMAGE, seconds: float = 2.0) -> Updated:
    return update(device, image.encode(), image.hash, image.measurement, lambda *_: None, seconds)


def uploads(chip: FakeChip) -> int:
    return sum(request[:2] == (ImageCommand.UPLOAD, 2) for request in chip.requests)


def test_the_image_is_the_containers() -> None:
    """The double reads images by itself."""
    from tests.fake_life import Slot

    slot = Slot(DATA, filled=True)
    assert (slot.hash, slot.measurement) == (IMAGE.hash, IMAGE.measurement)
    assert (slot.version, slot.security_version) == ("1.2.3.4", 2)


def test_an_update(chip: FakeChip, device: Device) -> None:
    done = updated(device)
    assert done.succeeded and (done.outcome, done.before, done.now) == (Outcome.UPDATED, OLD, IMAGE.measurement)
    assert done.boot.confirmed and done.boot.slot == 1 and done.boot.floor == 2
    kinds = [parse(data).kind for data in chip.log.values()]
    assert kinds == [Kind.BOOT, Kind.UPDATE, Kind.BOOT]
    assert parse(chip.log[1]).digest == parse(chip.log[2]).firmware == IMAGE.measurement
    assert uploads(chip) == -(-len(DATA) // CHUNK_BYTES)
    assert updated(device).outcome is Outcome.RUNS_ALREADY and uploads(chip) == -(-len(DATA) // CHUNK_BYTES)


def test_slots_take_turns(device: Device) -> None:
    assert updated(device).boot.slot == 1
    newer = Image(IMAGE.body, IMAGE.load_address, Version(2), 3, IMAGE.map_hash, b"signature")
    assert updated(device, newer).boot.slot == 0
    slots = device.images()
    assert [(slot.slot, slot.version, slot.active, slot.confirmed) for slot in slots] == [
        (0, "2.0.0.0", True, True),
        (1, "1.2.3.4", False, False),
    ]


@pytest.mark.parametrize("pieces", [1, 3, -(-len(DATA) // CHUNK_BYTES)])
def test_an_upload_goes_on_where_it_broke_off(chip: FakeChip, device: Device, pieces: int) -> None:
    class BrokenOff(Exception):
        pass

    def progress(done: int, total: int) -> None:
        if done >= min(pieces * CHUNK_BYTES, total):
            raise BrokenOff

    with pytest.raises(BrokenOff):
        device.upload(DATA, progress)
    chip.requests.clear()
    assert updated(device).outcome is Outcome.UPDATED
    left = -(-len(DATA) // CHUNK_BYTES) - pieces
    assert uploads(chip) == left + 1, "the first asks where the chip is"


def test_another_image_begins_anew(chip: FakeChip, device: Device) -> None:
    other = Image(bytes(4096), 0x1000, Version(), 1, 0, b"signature").encode()
    device.upload(other)
    device.upload(DATA)
    assert chip.slots[1].data == DATA


def test_an_update_that_broke_off_before_the_reset(chip: FakeChip, device: Device) -> None:
    device.upload(DATA)
    device.mark_for_test(IMAGE.hash)
    chip.requests.clear()
    assert updated(device).outcome is Outcome.UPDATED and uploads(chip) == 0


def test_the_update_is_stated_before_the_reset(chip: FakeChip, device: Device) -> None:
    """The statement is made when the chip comes to it; a reset before would leave the boot unannounced."""
    stating, late = chip._state, []
    chip._state = lambda kind, digest: late.append((kind, digest))

    def before(command: int, operation: int) -> None:
        if late and sum(request[0] == Command.INFO for request in chip.requests) > 4:
            stating(*late.pop())

    chip.faults.before = before
    assert updated(device).outcome is Outcome.UPDATED
    assert [parse(data).kind for data in chip.log.values()] == [Kind.BOOT, Kind.UPDATE, Kind.BOOT]


def test_an_update_that_is_not_stated(chip: FakeChip, device: Device) -> None:
    chip._state = lambda kind, digest: 0
    with pytest.raises(LinkTimeout, match="no update statement"):
        updated(device, seconds=0.3)
    assert device.info().bootcount == 1


def test_a_chip_that_is_busy_is_asked_again(chip: FakeChip, device: Device) -> None:
    refusals = [3]
    honest = chip.image_group

    def busy(command: int, operation: int, body: dict[str, object]) -> dict[str, object]:
        if operation == 2 and refusals[0]:
            refusals[0] -= 1
            return {"rc": int(SmpError.BUSY)}
        return honest(command, operation, body)

    chip.image_group = busy
    assert updated(device).outcome is Outcome.UPDATED
    refusals[0], device.exchange.timeout = 10**6, 0.2
    with pytest.raises(ChipRefusal, match="busy"):
        device.upload(DATA)


def test_lost_answers_lose_nothing(chip: FakeChip, device: Device) -> None:
    device.exchange.timeout = 1.0
    chip.faults.lose = 2
    device.upload(DATA)
    chip.faults.garble = 1
    assert device.mark_for_test(IMAGE.hash)[1].pending
    assert chip.slots[1].data == DATA


def test_rolled_back_as_rom_refuses_it(chip: FakeChip, device: Device) -> None:
    chip.boot_faults.refuse = BootError.SIGNATURE
    done = updated(device)
    assert (done.outcome, done.now, done.boot.slot_b) == (Outcome.ROLLED_BACK, OLD, BootError.SIGNATURE)
    event = next(device.events())
    assert (event.event, event.detail) == (Event.REFUSED_IMAGE, 1 << 16 | BootError.SIGNATURE)
    assert "slot B" in event.explanation and "not signed" in event.explanation


def test_rolled_back_as_it_crashes(chip: FakeChip, device: Device) -> None:
    chip.boot_faults.crash = True
    done = updated(device)
    assert (done.outcome, done.now, done.boot.slot_b) == (Outcome.ROLLED_BACK, OLD, BootError.NOT_CONFIRMED)
    assert [event.event for event in device.events()] == [Event.ROLLBACK]


def test_not_confirmed(chip: FakeChip, device: Device) -> None:
    chip.boot_faults.unconfirmed = True
    done = updated(device, seconds=0.5)
    assert (done.outcome, done.now) == (Outcome.UNCONFIRMED, IMAGE.measurement) and not done.succeeded
    with pytest.raises(LivetrapError, match="has not confirmed itself"):
        updated(device, Image(bytes(4), 0, Version(), 2, 0, b"signature"))
    assert device.reset().firmware == OLD


def test_no_firmware_at_all(served: Served) -> None:
    served.chip = FakeChip(firmware=False)
    with Device.open(served.port, timeout=2.0) as device:
        assert device.boot_state().recovery
        assert updated(device).outcome is Outcome.UPDATED
        served.chip.slots[1].filled = False
        served.chip.boot()
        served.chip.boot_faults.refuse = BootError.DOWNGRADE
        done = updated(device)
        assert (done.outcome, done.now, done.boot.recovery) == (Outcome.RECOVERY, None, True)


def test_chips_that_do_not_play_along(chip: FakeChip, device: Device) -> None:
    with pytest.raises(LivetrapError, match="no bytes"):
        device.upload(b"")
    with pytest.raises(ChipRefusal, match="no image: its first bytes"):
        device.upload(b"junk" * 100)
    with pytest.raises(ChipRefusal, match="larger than a slot"):
        device.upload(bytes(1 << 17))
    with pytest.raises(ChipRefusal, match="no image with this hash"):
        device.mark_for_test(bytes(32))
    chip._upload = lambda body: {"off": 0}
    with pytest.raises(LinkError, match="comes no further"):
        device.upload(DATA)
    chip._upload = lambda body: {"off": len(DATA) + 1}
    with pytest.raises(LinkError, match="comes no further"):
        device.upload(DATA)
    chip.image_group = lambda command, operation, body: {"images": [5]}
    with pytest.raises(LinkError, match="no list of images"):
        device.images()


def test_a_chip_that_does_not_come_back(chip: FakeChip, device: Device) -> None:
    chip.boot = lambda: None
    with pytest.raises(LinkTimeout, match="did not boot anew"):
        updated(device, seconds=0.3)


# The command.


def image_file(tmp_path: Path, data: bytes = DATA) -> str:
    path = tmp_path / "app.signed"
    path.write_bytes(data)
    return str(path)


def test_the_command(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["firmware", "update", image_file(tmp_path), "--port", served.port]
    served.chip.boot_faults.refuse = BootError.SIGNATURE
    assert livetrap(command) == 1
    said = capsys.readouterr()
    assert "rolled back" in said.out and said.err.count("\n") == 1
    assert said.err.startswith("livetrap: not updated: ") and "not signed by the configuration's" in said.err
    served.chip.boot_faults.refuse = BootError.NONE
    assert livetrap([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["now"], told["version"]) == ("updated", IMAGE.measurement.hex(), "1.2.3.4")
    assert told["boot"]["confirmed"] and told["boot"]["slot"] == 1


def test_files_that_are_no_images(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data, code, words in ((b"junk" * 20, 1, "magic"), (IMAGE.measured, 2, "not signed yet")):
        assert livetrap(["firmware", "update", image_file(tmp_path, data), "--port", served.port]) == code
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1


# What a Verifier sees.


def test_updates_and_roll_backs_are_verified(chip: FakeChip, device: Device, tmp_path: Path) -> None:
    enrol.certify(device, MAKER_SEED)
    updated(device)
    chip.boot_faults.crash = True
    updated(device, Image(bytes(8), 0, Version(3), 4, 0, b"signature"))
    folder = EvidenceFolder.create(tmp_path / "evidence", device.info().ueid)
    pull(device, folder, b"\x11" * 32)
    report = verify(folder.load(), MAKER_KEY)
    assert report.verdict is Verdict.VERIFIED, report.deciding
    reasons = [check.reason for check in report.named(FIRMWARE)]
    assert sum("announces" in reason for reason in reasons) == 2
    assert sum("as it was announced" in reason for reason in reasons) == 2
    assert sum("runs again" in reason for reason in reasons) == 1
    errors = report.named(ERROR)
    assert [check.verdict for check in errors] == [Verdict.VERIFIED] and "did not confirm itself" in errors[0].reason
