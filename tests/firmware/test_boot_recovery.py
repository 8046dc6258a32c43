"""Recovery mode of the boot ROM's binary: giving a chip its identity and its firmware, over SMP."""

import hashlib
import random

import cbor2
import pytest
from smp import image_management, os_management
from smp.image_management import IMG_MGMT_ERR

from formats.boot import BootError
from formats.configuration import Configuration, LogMode
from formats.flash import FLAG_SET, PROGRAM_BYTES, SECTOR_BYTES, SLOT_BYTES, TRAILER_OFFSET, UPLOAD_OFFSET, Trailer
from formats.link import (
    IMAGE_GROUP,
    OS_GROUP,
    PACKET_BYTES,
    USER_GROUP,
    ChipError,
    Command,
    ImageCommand,
    ImageError,
    OsCommand,
    SmpError,
)
from formats.otp import CHIP_ID_OFFSET, CONFIGURATION_OFFSET, SEED_OFFSET, Lifecycle
from host.firmware import image
from host.firmware.image import Version
from tests.firmware.boot_images import CONFIRMED, chip_with, fused_configuration, good, maker, signed, unsigned
from tests.firmware.host_build import READ, WRITE, frame, packet, response_body, unframe
from tests.firmware.unicorn_chip import STUCK_AT_0, STUCK_AT_1, Outcome, UnicornChip, build_rom

CHIP_ID = bytes(range(0x10, 0x20))


def in_recovery(chip: UnicornChip) -> UnicornChip:
    assert chip.boot() is Outcome.RECOVERY
    return chip


@pytest.fixture
def raw():
    return in_recovery(UnicornChip(build_rom()))


@pytest.fixture
def empty():
    """A provisioned chip without firmware."""
    return in_recovery(chip_with(None))


def configuration(**fields) -> bytes:
    return Configuration(maker().public_key, **fields).encode()


def give_identity(chip, chip_id: bytes = CHIP_ID, data: bytes | None = None) -> dict:
    body = {"chip": chip_id, "data": configuration() if data is None else data, "id": 7}
    return chip.request(Command.PROVISION, body, operation=WRITE)


def user_error(code: ChipError) -> dict:
    return {"err": {"group": USER_GROUP, "rc": code}}


def image_error(code: ImageError) -> dict:
    return {"err": {"group": IMAGE_GROUP, "rc": code}}


def lasting(chip) -> tuple:
    return bytes(chip.fuses), hashlib.sha256(chip.flash).digest()


def test_a_raw_chip_gets_its_identity_and_then_its_firmware(raw):
    assert give_identity(raw) == {}
    assert bytes(raw.fuses[CHIP_ID_OFFSET : CHIP_ID_OFFSET + 16]) == CHIP_ID
    assert raw.fuses[0] == Lifecycle.DEVELOPMENT.fuses and any(raw.fuses[SEED_OFFSET : SEED_OFFSET + 32])
    upload(raw, good())
    assert mark(raw, good())["images"][0]["pending"]
    assert raw.boot() is Outcome.ENTERED
    assert raw.measurement == image.measurement(good())


def test_the_same_identity_may_come_again_and_no_other(raw):
    assert give_identity(raw) == give_identity(raw) == {}
    before = lasting(raw)
    assert give_identity(raw, chip_id=bytes(16)) == user_error(ChipError.ALREADY_SET)
    other = configuration(verifier_key=maker("verifier").public_key)
    assert give_identity(raw, data=other) == user_error(ChipError.ALREADY_SET)
    assert lasting(raw) == before


def test_an_interrupted_provisioning_goes_on_with_the_same_identity_alone(raw):
    raw.fuses[CHIP_ID_OFFSET] = CHIP_ID[0]
    assert give_identity(raw, chip_id=bytes(16)) == user_error(ChipError.ALREADY_SET)
    raw.fuses[CONFIGURATION_OFFSET] = 0
    assert raw.fuses[0] == 0
    assert give_identity(raw) == {}
    assert bytes(raw.fuses[CHIP_ID_OFFSET : CHIP_ID_OFFSET + 16]) == CHIP_ID


def test_fuses_of_another_configuration_are_not_taken_over(raw):
    raw.fuses[CONFIGURATION_OFFSET : CONFIGURATION_OFFSET + 4] = b"\xff" * 4
    assert give_identity(raw) == user_error(ChipError.ALREADY_SET)
    assert raw.fuses[0] == 0 and fused_configuration(raw)[4:] == bytes(28)


MALFORMED = {
    "a short chip id": {"chip": bytes(15)},
    "a short configuration": {"data": configuration()[:-1]},
    "no configuration": {"data": None},
    "an id of 64 bits": {"id": 1 << 32},
    "another magic": {"data": b"LTCONF02" + configuration()[8:]},
    "a log mode of tomorrow": {"data": configuration()[:8] + b"\2" + configuration()[9:]},
    "a log server without a key": {"data": configuration()[:8] + b"\1" + configuration()[9:]},
    "a firmware key of three levels": {"data": configuration()[:15] + b"\3" + configuration()[16:]},
    "a broken verifier key": {"data": configuration()[:64] + bytes(51) + b"\1" + configuration()[116:]},
    "a last word": {"data": configuration()[:-1] + b"\1"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_provisioning_changes_nothing(raw, name):
    before = lasting(raw)
    body = {"chip": CHIP_ID, "data": configuration(), "id": 1, **MALFORMED[name]}
    body = {key: value for key, value in body.items() if value is not None}
    assert raw.request(Command.PROVISION, body, operation=WRITE) == user_error(ChipError.MALFORMED)
    assert lasting(raw) == before


def test_a_log_server_is_taken_with_its_key(raw):
    data = configuration(log_mode=LogMode.SERVER, verifier_key=maker("verifier").public_key)
    assert give_identity(raw, data=data) == {}


def test_without_entropy_or_flash_a_chip_stays_raw(raw):
    raw.set(entropy_failed=1)
    assert give_identity(raw) == user_error(ChipError.HARDWARE)
    assert raw.fuses[0] == 0
    assert raw.request(Command.BOOT)["entropy"] == 1
    absent = UnicornChip(build_rom())
    absent.set(flash_absent=STUCK_AT_0)
    in_recovery(absent)
    assert give_identity(absent) == user_error(ChipError.HARDWARE)
    assert not any(absent.fuses)


def test_the_os_group_answers(empty):
    os = {"group": OS_GROUP}
    assert empty.request(OsCommand.ECHO, {"d": "still here"}, operation=WRITE, **os) == {"r": "still here"}
    assert empty.request(OsCommand.PARAMETERS, **os) == {"buf_size": PACKET_BYTES, "buf_count": 1}
    assert empty.request(OsCommand.ECHO, {}, operation=WRITE, **os) == {"rc": SmpError.INVALID}
    assert empty.request(3, **os) == {"rc": SmpError.NOT_SUPPORTED}


def test_a_reset_comes_after_its_answer(empty):
    empty.take()
    sent = packet(OsCommand.RESET, {}, group=OS_GROUP, operation=WRITE)
    empty.feed(frame(sent))
    assert empty.go_on(2_000_000) is Outcome.RESET
    assert response_body(sent, unframe(empty.take())[0]) == {}


@pytest.mark.parametrize("command", sorted(set(Command) - {Command.BOOT, Command.PROVISION}))
def test_the_applications_commands_are_unknown(empty, command):
    for operation in (READ, WRITE):
        assert empty.request(command, {}, operation=operation) == user_error(ChipError.UNKNOWN_COMMAND)


def test_garbage_is_survived(empty):
    generator = random.Random(5)
    for _ in range(20):
        empty.feed(generator.randbytes(2000))
        assert empty.go_on(100_000) is Outcome.LIMIT
    empty.feed(b"\n")
    assert empty.go_on(10_000) is Outcome.LIMIT
    assert empty.request(Command.BOOT)["recovery"] == 1


def image_request(chip, command: ImageCommand, body: dict, operation: int = WRITE) -> dict:
    return chip.request(command, body, group=IMAGE_GROUP, operation=operation)


def upload(chip, contents: bytes, chunk: int = 3000, start: int = 0) -> None:
    """As smpclient does it."""
    offset = start
    first = {"len": len(contents), "sha": hashlib.sha256(contents).digest(), "image": 0, "upgrade": False}
    while True:
        body = {"off": offset, "data": contents[offset : offset + chunk], **(first if offset == 0 else {})}
        answer = image_request(chip, ImageCommand.UPLOAD, body)
        assert offset != answer["off"] or offset == len(contents)
        offset = answer["off"]
        if offset == len(contents):
            return


def mark(chip, contents: bytes) -> dict:
    return image_request(chip, ImageCommand.STATE, {"hash": image.parse(contents).hash, "confirm": False})


def stored(chip, slot: int, size: int) -> bytes:
    return bytes(chip.flash[slot * SLOT_BYTES : slot * SLOT_BYTES + size])


@pytest.mark.parametrize("chunk", [37, 1000, 3900])
def test_an_image_is_uploaded_marked_and_started(empty, chunk):
    contents = good(version=Version(1, 2, 3, 4), body=random.Random(6).randbytes(2048))
    upload(empty, contents, chunk)
    assert stored(empty, 0, len(contents)) == contents
    assert image_request(empty, ImageCommand.STATE, {}, READ) == {
        "images": [
            {
                "slot": 0,
                "version": "1.2.3.4",
                "hash": image.parse(contents).hash,
                "bootable": True,
                "pending": False,
                "confirmed": False,
                "active": False,
                "permanent": False,
            }
        ]
    }
    (listed,) = mark(empty, contents)["images"]
    assert listed["pending"] and empty.flag(0, Trailer.PENDING) == FLAG_SET
    assert empty.boot() is Outcome.ENTERED


def test_the_answers_are_those_that_smp_packages_expect(empty):
    empty.take()
    upload(empty, good())
    request = image_management.ImageStatesReadRequest()
    answer = image_management.ImageStatesReadResponse.loads(empty.exchange(bytes(request)))
    (listed,) = answer.images
    assert (listed.slot, listed.version, listed.hash) == (0, "1.0.0", image.parse(good()).hash)
    echo = empty.exchange(bytes(os_management.EchoWriteRequest(d="x")))
    assert os_management.EchoWriteResponse.loads(echo).r == "x"
    wrong = image_management.ImageStatesWriteRequest(hash=bytes(32))
    refusal = image_management.ImageManagementErrorV2.loads(empty.exchange(bytes(wrong)))
    assert refusal.err.rc == IMG_MGMT_ERR.HASH_NOT_FOUND


@pytest.mark.parametrize("code", ImageError)
def test_image_errors_are_mcumgrs(code):
    assert IMG_MGMT_ERR[code.name] == code


def test_a_refused_slot_is_the_one_that_is_replaced():
    bad = bytearray(good(version=Version(2)))
    bad[40] ^= 1
    chip = in_recovery(chip_with(good(), (), bytes(bad), CONFIRMED, floor=0))
    assert (chip.get("slot_a"), chip.get("slot_b")) == (BootError.NOT_CONFIRMED, BootError.SIGNATURE)
    upload(chip, good(version=Version(3)))
    assert stored(chip, 0, 64) == good(version=Version(3))[:64] and stored(chip, 1, len(bad)) == bytes(bad)


def first_chunk(contents: bytes, **changes) -> dict:
    body = {"off": 0, "data": contents[:500], "len": len(contents), "sha": hashlib.sha256(contents).digest()}
    return {key: value for key, value in {**body, **changes}.items() if value is not None}


BAD_UPLOADS = {
    "no length": ({"len": None}, ImageError.INVALID_LENGTH),
    "another image": ({"image": 1}, ImageError.INVALID_SLOT),
    "a short hash": ({"sha": bytes(31)}, ImageError.INVALID_HASH),
    "too large": ({"len": TRAILER_OFFSET + 1}, ImageError.INVALID_IMAGE_TOO_LARGE),
    "far too large": ({"len": 1 << 40}, ImageError.INVALID_IMAGE_TOO_LARGE),
    "half a header": ({"data": good()[:31]}, ImageError.INVALID_IMAGE_HEADER),
    "another magic": ({"data": bytes(500)}, ImageError.INVALID_IMAGE_HEADER_MAGIC),
    "no offset": ({"off": None}, ImageError.UNKNOWN),
    "no data": ({"data": None}, ImageError.UNKNOWN),
    "text for data": ({"data": "text"}, ImageError.UNKNOWN),
    "a number for a truth": ({"upgrade": 1}, ImageError.UNKNOWN),
}


@pytest.mark.parametrize("name", BAD_UPLOADS)
def test_bad_uploads_change_nothing(empty, name):
    changes, error = BAD_UPLOADS[name]
    before = lasting(empty)
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(good(), **changes)) == image_error(error)
    assert lasting(empty) == before


def test_more_data_than_announced_is_refused(empty):
    body = first_chunk(good(), len=499)
    assert image_request(empty, ImageCommand.UPLOAD, body) == image_error(ImageError.INVALID_IMAGE_DATA_OVERRUN)


def test_a_chunk_at_another_offset_is_told_the_right_one(empty):
    contents = good()
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(contents)) == {"off": 500}
    before = lasting(empty)
    for offset in (499, 501, 1000, 1 << 40):
        body = {"off": offset, "data": contents[:100]}
        assert image_request(empty, ImageCommand.UPLOAD, body) == {"off": 500}
    assert lasting(empty) == before
    upload(empty, contents, start=500)
    assert stored(empty, 0, len(contents)) == contents


@pytest.mark.parametrize("named", [True, False])
def test_a_repeated_first_chunk_continues_what_has_a_name(empty, named):
    contents = good()
    body = first_chunk(contents, **({} if named else {"sha": None}))
    assert image_request(empty, ImageCommand.UPLOAD, body) == {"off": 500}
    image_request(empty, ImageCommand.UPLOAD, {"off": 500, "data": contents[500:900]})
    assert image_request(empty, ImageCommand.UPLOAD, body) == {"off": 900 if named else 500}


@pytest.mark.parametrize("done", [0, 1, 255, 256, 700, 1023])
def test_an_upload_goes_on_after_a_reset_at_its_last_page(empty, done):
    contents = good(body=random.Random(7).randbytes(4096))
    image_request(empty, ImageCommand.UPLOAD, first_chunk(contents, data=contents[:500]))
    image_request(empty, ImageCommand.UPLOAD, {"off": 500, "data": contents[500 : 500 + done]})
    in_recovery(empty)
    expected = (500 + done - 1) // PROGRAM_BYTES * PROGRAM_BYTES
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(contents)) == {"off": expected}
    upload(empty, contents, start=expected)
    assert stored(empty, 0, len(contents)) == contents
    assert mark(empty, contents)["images"][0]["pending"]
    assert empty.boot() is Outcome.ENTERED


def test_a_torn_page_is_completed(empty):
    contents = good(body=random.Random(8).randbytes(1024))
    image_request(empty, ImageCommand.UPLOAD, first_chunk(contents, data=contents[:768]))
    generator = random.Random(9)
    for at in range(512, 768):
        empty.flash[at] |= generator.randrange(256)
    in_recovery(empty)
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(contents)) == {"off": 512}
    upload(empty, contents, start=512)
    assert stored(empty, 0, len(contents)) == contents


def test_another_upload_begins_anew(empty):
    image_request(empty, ImageCommand.UPLOAD, first_chunk(good()))
    other = good(version=Version(5))
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(other)) == {"off": 500}
    upload(empty, other, start=500)
    assert stored(empty, 0, len(other)) == other


def test_a_damaged_record_of_an_upload_is_none(empty):
    image_request(empty, ImageCommand.UPLOAD, first_chunk(good()))
    empty.flash[TRAILER_OFFSET + UPLOAD_OFFSET + 8] ^= 1
    in_recovery(empty)
    assert image_request(empty, ImageCommand.UPLOAD, {"off": 500, "data": b"x"}) == {"off": 0}
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(good())) == {"off": 500}
    assert stored(empty, 0, SECTOR_BYTES)[500:] == b"\xff" * (SECTOR_BYTES - 500)


def test_only_images_that_rom_would_start_are_marked(empty):
    for contents, error in (
        (signed(unsigned(), "somebody else"), ImageError.INVALID_TLV),
        (good(map_of=0x1234), ImageError.INVALID_TLV),
    ):
        upload(empty, contents)
        assert mark(empty, contents) == image_error(error)
        assert empty.flag(0, Trailer.PENDING) == 0xFFFFFFFF
    demanding = in_recovery(chip_with(None, floor=2))
    upload(demanding, good())
    assert mark(demanding, good()) == image_error(ImageError.CURRENT_VERSION_IS_NEWER)


def test_what_was_tried_in_vain_may_be_tried_again():
    chip = chip_with(good(), (Trailer.PENDING, Trailer.TRIED, Trailer.REFUSED))
    in_recovery(chip)
    assert mark(chip, good())["images"][0]["pending"]
    assert [chip.flag(0, flag) for flag in Trailer] == [FLAG_SET] + [0xFFFFFFFF] * (len(Trailer) - 1)
    assert chip.boot() is Outcome.ENTERED


def test_states_that_cannot_be_set_are_refused(empty):
    upload(empty, good())
    name = image.parse(good()).hash
    for body, error in (
        ({"hash": name, "confirm": True}, ImageError.IMAGE_CONFIRMATION_DENIED),
        ({"confirm": True}, ImageError.IMAGE_CONFIRMATION_DENIED),
        ({}, ImageError.INVALID_HASH),
        ({"hash": name[:31]}, ImageError.INVALID_HASH),
        ({"hash": bytes(32)}, ImageError.HASH_NOT_FOUND),
        ({"hash": "text"}, ImageError.UNKNOWN),
    ):
        assert image_request(empty, ImageCommand.STATE, body) == image_error(error)
    assert [empty.flag(0, flag) for flag in Trailer] == [0xFFFFFFFF] * len(Trailer)


def test_an_image_that_is_to_be_tried_is_left_alone(empty):
    upload(empty, good())
    mark(empty, good())
    pending = image_error(ImageError.IMAGE_ALREADY_PENDING)
    assert image_request(empty, ImageCommand.UPLOAD, first_chunk(good(version=Version(7)))) == pending
    assert image_request(empty, ImageCommand.ERASE, {"slot": 0}) == pending


def test_slots_are_erased(empty):
    upload(empty, good())
    assert image_request(empty, ImageCommand.ERASE, {"slot": 2}) == image_error(ImageError.INVALID_SLOT)
    assert image_request(empty, ImageCommand.ERASE, {"slot": 0}) == {}
    assert stored(empty, 0, SLOT_BYTES) == b"\xff" * SLOT_BYTES
    assert image_request(empty, ImageCommand.STATE, {}, READ) == {"images": []}
    assert image_request(empty, ImageCommand.ERASE, {}) == {}


def test_failing_flash_is_told():
    chip = UnicornChip(build_rom())
    chip.set(flash_absent=STUCK_AT_1)
    in_recovery(chip)
    assert image_request(chip, ImageCommand.STATE, {}, READ) == {"images": []}
    error = image_error(ImageError.FLASH_ERASE_FAILED)
    assert image_request(chip, ImageCommand.UPLOAD, first_chunk(good())) == error


def test_requests_in_version_1_get_errors_of_version_1(empty):
    body = cbor2.dumps({"hash": bytes(32)})
    sent = packet(ImageCommand.STATE, group=IMAGE_GROUP, operation=WRITE, version=0, encoded=body)
    assert response_body(sent, empty.exchange(sent)) == {"rc": SmpError.UNKNOWN}
