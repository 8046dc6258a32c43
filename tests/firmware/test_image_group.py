"""SMP's image group while the application runs: upload, test, the update statement, and when it is refused."""

import hashlib
import struct

import pytest

from firmware.build import BUILD, header_constants
from formats.configuration import Configuration
from formats.flash import SLOT_BYTES, TRAILER_OFFSET, Trailer
from formats.link import IMAGE_GROUP, ImageCommand, ImageError, SmpError
from formats.statement import Cause, Kind
from host import hss
from host.firmware import image
from tests.firmware.host_build import READ, WRITE, HostChip, claim, error, frame, packet, response_body
from tests.firmware.test_confirmation import SET, flag, set_flag
from tests.firmware.verifier import Verifier

CHUNK = 512


class Maker:
    """Signs images, and leaves the Verifier's keys to others."""

    def __init__(self, verifier: Verifier):
        self._path = verifier.path
        self.configuration = Configuration(verifier.public_key, verifier.public_key)

    def image(
        self, version: int, security_version: int = 7, *, map_hash: int | None = None, size: int = 3000
    ) -> bytes:
        constants = header_constants((BUILD / "host" / "include" / "livetrap_csr.h").read_text())
        body = bytes((version * 31 + at * 7) & 0xFF for at in range(size))
        hashed = constants["MAP_HASH"] if map_hash is None else map_hash
        unsigned = image.pack(body, constants["SRAM_BASE"], image.Version(1, version), security_version, hashed)
        return image.sign(unsigned, lambda message: hss.sign(self._path, message))


@pytest.fixture(scope="session")
def maker(verifier):
    return Maker(verifier)


@pytest.fixture
def chip(driver, maker):
    """Boots image 1 from slot A, which is confirmed."""
    driver.new()
    driver.configure(maker.configuration)
    driver.write_flash(0, maker.image(1))
    driver.start()
    driver.poll(2000)
    return driver


def ask(chip: HostChip, command: int, body: dict | None = None, operation: int = WRITE) -> dict:
    return chip.request(command, body or {}, group=IMAGE_GROUP, operation=operation)


def refused(code: ImageError) -> dict:
    return {"err": {"group": IMAGE_GROUP, "rc": code}}


def upload(chip: HostChip, data: bytes) -> None:
    first = {"off": 0, "data": data[:CHUNK], "len": len(data), "sha": hashlib.sha256(data).digest(), "image": 0}
    assert ask(chip, ImageCommand.UPLOAD, first) == {"off": min(CHUNK, len(data))}
    for at in range(CHUNK, len(data), CHUNK):
        body = {"off": at, "data": data[at : at + CHUNK]}
        assert ask(chip, ImageCommand.UPLOAD, body) == {"off": min(at + CHUNK, len(data))}


def mark(chip: HostChip, data: bytes) -> dict:
    return ask(chip, ImageCommand.STATE, {"hash": image.parse(data).hash, "confirm": False})


def state(chip: HostChip) -> list[dict]:
    return ask(chip, ImageCommand.STATE, operation=READ)["images"]


def statements(chip: HostChip) -> list[int]:
    found = []
    while "err" not in (answer := chip.read(3, {"seq": len(found)})):
        found.append(claim(answer["data"], "kind")[0])
    return found


def test_an_image_is_uploaded_marked_and_stated(chip, maker):
    new = maker.image(2)
    upload(chip, new)
    assert chip.flash(SLOT_BYTES, len(new)) == new
    answer = mark(chip, new)
    assert [entry["pending"] for entry in answer["images"]] == [False, True]
    chip.poll(1000)
    assert statements(chip) == [Kind.BOOT, Kind.UPDATE]
    statement = chip.statement(1)
    assert claim(statement, "digest") == image.measurement(new)
    assert (claim(statement, "nonce"), claim(statement, "cause")[0]) == (bytes(32), Cause.NONE)
    assert flag(chip, 1, Trailer.PENDING) == SET and flag(chip, 1, Trailer.TRIED) != SET


def test_the_state_names_both_images(chip, maker):
    new = maker.image(2)
    upload(chip, new)
    running, other = state(chip)
    assert running["slot"] == 0 and running["active"] and running["confirmed"] and running["version"] == "1.1.0"
    assert running["hash"] == image.parse(maker.image(1)).hash
    assert other["slot"] == 1 and not other["active"] and not other["pending"] and other["version"] == "1.2.0"
    assert other["hash"] == image.parse(new).hash


def test_what_was_marked_is_tried_confirmed_and_then_the_one_that_runs(chip, maker):
    new = maker.image(2)
    upload(chip, new)
    mark(chip, new)
    chip.poll(1000)
    chip._do("H", struct.pack("<QQ", 7, 1))
    chip.power_cycle()
    assert flag(chip, 1, Trailer.TRIED) == SET and flag(chip, 1, Trailer.CONFIRMED) != SET
    assert ask(chip, ImageCommand.STATE, {"confirm": True})["images"][0]["version"] == "1.2.0"
    assert flag(chip, 1, Trailer.CONFIRMED) == SET and flag(chip, 0, Trailer.CONFIRMED) == 0
    running, other = state(chip)
    assert running["active"] and running["confirmed"] and running["version"] == "1.2.0"
    assert not other["confirmed"]


BAD = {
    "wrong key": (lambda maker, stranger: Maker(stranger).image(2), ImageError.INVALID_TLV),
    "wrong chip": (lambda maker, stranger: maker.image(2, map_hash=1), ImageError.INVALID_TLV),
    "downgrade": (lambda maker, stranger: maker.image(2, 6), ImageError.CURRENT_VERSION_IS_NEWER),
    "damaged": (lambda maker, stranger: maker.image(2).replace(maker.image(2)[900:904], b"evil", 1), None),
}


@pytest.mark.parametrize("what", BAD)
def test_an_image_that_rom_would_refuse_is_not_marked(chip, maker, stranger, what):
    make, code = BAD[what]
    data = make(maker, stranger)
    upload(chip, data)
    hashed = state(chip)[1]["hash"]
    assert ask(chip, ImageCommand.STATE, {"hash": hashed}) == refused(code or ImageError.INVALID_TLV)
    chip.poll(1000)
    assert statements(chip) == [Kind.BOOT]
    assert flag(chip, 1, Trailer.PENDING) == 0xFFFFFFFF


def test_while_an_update_is_to_be_stated_the_next_is_busy(chip, maker):
    new = maker.image(2)
    upload(chip, new)
    chip.set(statement_cycles=10**7)
    attest = packet(1, {"nonce": b"n" * 32, "id": 1}, operation=WRITE, sequence=1)
    chip.exchange(frame(attest), quiet_turns=20)
    sent = packet(ImageCommand.STATE, {"hash": image.parse(new).hash}, group=IMAGE_GROUP, operation=WRITE, sequence=2)
    (answer,) = chip.exchange(frame(sent), quiet_turns=20)
    assert "images" in response_body(sent, answer), "the image group is served while another response is to come"
    (answer,) = chip.exchange(frame(sent), quiet_turns=20)
    assert response_body(sent, answer) == {"rc": SmpError.BUSY}
    read = packet(ImageCommand.STATE, {}, group=IMAGE_GROUP, sequence=3)
    (answer,) = chip.exchange(frame(read), quiet_turns=20)
    assert response_body(read, answer)["images"][1]["pending"]
    chip.advance(2 * 10**7)
    (answer,) = chip.exchange(b"")
    assert response_body(attest, answer) == {"seq": 1}
    chip.advance(2 * 10**7)
    chip.poll(1000)
    assert statements(chip) == [Kind.BOOT, Kind.HEAD, Kind.UPDATE]
    assert "images" in mark(chip, new)


def test_an_update_is_stated_before_the_reset_that_carries_it_out(chip, maker):
    new = maker.image(2)
    upload(chip, new)
    chip.set(statement_cycles=10**6, random=1)
    chip.poll(300)
    sent = packet(ImageCommand.STATE, {"hash": image.parse(new).hash}, group=IMAGE_GROUP, operation=WRITE, sequence=2)
    chip.feed(frame(sent) + frame(packet(5, {}, group=0, operation=WRITE, sequence=3)))
    chip.poll(100_000)
    chip.take()
    assert chip.state()["resets"] == 1
    assert statements(chip) == [Kind.BOOT, Kind.SNAPSHOT, Kind.UPDATE, Kind.BOOT]


@pytest.mark.parametrize("hindrance", [{"entropy": 1}, {"statement_refused": 1}])
def test_nothing_is_marked_while_it_cannot_be_stated(driver, maker, hindrance):
    driver.new()
    driver.configure(maker.configuration)
    new = maker.image(2)
    driver.write_flash(0, maker.image(1))
    driver.write_flash(SLOT_BYTES, new)
    driver.start(**hindrance)
    driver.poll(2000)
    assert mark(driver, new) == refused(ImageError.UNKNOWN)
    assert flag(driver, 1, Trailer.PENDING) == 0xFFFFFFFF
    assert len(state(driver)) == 2


def test_while_an_image_is_on_trial_the_other_slot_stays(driver, maker):
    driver.new(confirmed=False)
    driver.configure(maker.configuration)
    driver.write_flash(0, maker.image(2))
    driver.write_flash(SLOT_BYTES, maker.image(1))
    set_flag(driver, 1, Trailer.CONFIRMED)
    set_flag(driver, 0, Trailer.PENDING)
    driver.start(statement_refused=1)
    driver.poll(2000)
    first = {"off": 0, "data": maker.image(3)[:CHUNK], "len": 4000}
    assert ask(driver, ImageCommand.UPLOAD, first) == refused(ImageError.NO_FREE_SLOT)
    assert ask(driver, ImageCommand.ERASE) == refused(ImageError.NO_FREE_SLOT)
    assert driver.flash(SLOT_BYTES, 3000) == maker.image(1)[:3000]


def test_erase_frees_the_other_slot_unless_it_is_pending(chip, maker):
    new = maker.image(2)
    upload(chip, new)
    mark(chip, new)
    chip.poll(1000)
    assert ask(chip, ImageCommand.ERASE) == refused(ImageError.IMAGE_ALREADY_PENDING)
    chip.write_flash(SLOT_BYTES + TRAILER_OFFSET, b"\xff" * 4096)
    assert ask(chip, ImageCommand.ERASE, {"slot": 0}) == refused(ImageError.NO_FREE_SLOT)
    assert ask(chip, ImageCommand.ERASE, {"slot": 1}) == {}
    assert chip.flash(SLOT_BYTES, SLOT_BYTES) == b"\xff" * SLOT_BYTES
    assert len(state(chip)) == 1


def test_an_upload_goes_on_after_a_reset(chip, maker):
    new = maker.image(2)
    first = {"off": 0, "data": new[:CHUNK], "len": len(new), "sha": hashlib.sha256(new).digest()}
    ask(chip, ImageCommand.UPLOAD, first)
    ask(chip, ImageCommand.UPLOAD, {"off": CHUNK, "data": new[CHUNK : 2 * CHUNK]})
    chip.power_cycle()
    at = ask(chip, ImageCommand.UPLOAD, first)["off"]
    assert 0 < at <= 2 * CHUNK
    while at < len(new):
        at = ask(chip, ImageCommand.UPLOAD, {"off": at, "data": new[at : at + CHUNK]})["off"]
    assert chip.flash(SLOT_BYTES, len(new)) == new
    assert "images" in mark(chip, new)


def test_unknown_commands_operations_and_bodies(chip):
    before = chip.lasting_state()
    for command in (2, 3, 4, 6, 255):
        for operation in (READ, WRITE):
            assert ask(chip, command, operation=operation) == {"rc": SmpError.NOT_SUPPORTED}
    for command in (ImageCommand.UPLOAD, ImageCommand.ERASE):
        assert ask(chip, command, operation=READ) == {"rc": SmpError.NOT_SUPPORTED}
    for operation in (4, 6):
        assert ask(chip, ImageCommand.STATE, operation=operation) == {"rc": SmpError.NOT_SUPPORTED}
    for body in (b"", b"\xa0\x00", b"\x80", b"\xbf\xff", b"\xa1\x61a"):
        for command in ImageCommand:
            answer = chip.request(command, group=IMAGE_GROUP, operation=WRITE, encoded=body)
            assert answer == refused(ImageError.UNKNOWN)
            old = chip.request(command, group=IMAGE_GROUP, operation=WRITE, encoded=body, version=0)
            assert old == {"rc": SmpError.UNKNOWN}
    assert chip.lasting_state() == before
    assert ask(chip, ImageCommand.STATE, {}) == refused(ImageError.INVALID_HASH)
    assert ask(chip, ImageCommand.STATE, {"hash": bytes(31)}) == refused(ImageError.INVALID_HASH)
    assert ask(chip, ImageCommand.STATE, {"hash": bytes(32)}) == refused(ImageError.HASH_NOT_FOUND)
    assert chip.read(99) == error(2)
