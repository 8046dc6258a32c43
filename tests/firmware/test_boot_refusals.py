"""The boot ROM's binary refuses what it must, says why, and answers in recovery mode."""

import random
import struct
from collections.abc import Callable

import pytest

from formats.boot import BootError
from formats.configuration import Configuration
from formats.flash import (
    FLAG_SET,
    JOURNAL_MAGIC,
    JOURNAL_OFFSET,
    LOG_MAGIC,
    LOG_OFFSET,
    TRAILER_OFFSET,
    JournalRecord,
    LogRecord,
    Trailer,
)
from formats.hashing import Domain
from formats.image import HEADER_BYTES, MAX_BODY_BYTES, PROTECTED_BYTES, SIGNED_LABEL, Tlv
from formats.link import Command
from formats.lms import LMOTS_SIGNATURE_BYTES, lms_signature_bytes
from formats.otp import LIFECYCLE_OFFSET, Lifecycle
from host.firmware import image
from host.firmware.image import Version
from sim.rtl.flash_image import record, sector_header
from tests.firmware.boot_images import (
    BODY,
    CONFIRMED,
    HEIGHT,
    PENDING,
    TRIED,
    chip_with,
    good,
    maker,
    map_hash,
    provision,
    put_configuration,
    signed,
    unsigned,
)
from tests.firmware.unicorn_chip import SRAM_BASE, STUCK_AT_0, STUCK_AT_1, Outcome, UnicornChip, build_rom

TLVS = HEADER_BYTES + len(BODY)
"""Place of the TLVs in the images of this file."""

WHOLE = 4 + lms_signature_bytes(HEIGHT)
"""Bytes of their signatures."""

SIGNATURE = TLVS + PROTECTED_BYTES + 44


def boot_answer(chip: UnicornChip) -> dict:
    """What a chip in recovery mode says of its boot, which is what its registers and its console say."""
    console = chip.take().decode()
    answer = chip.request(Command.BOOT)
    codes = {name: answer[name] for name in ("error", "slot_a", "slot_b")}
    text = " ".join(f"{name}={code:08x}" for name, code in codes.items())
    assert console == f"\nlivetrap: nothing was started: {text}\n"
    if not chip.get("locked"):
        assert codes == {name: chip.get(name) for name in codes}
    return answer


def refused(chip: UnicornChip) -> dict:
    """Boots; nothing is started. Returns what recovery mode says."""
    assert chip.boot() is Outcome.RECOVERY
    answer = boot_answer(chip)
    assert answer["recovery"] == 1 and answer["confirmed"] == 0 and answer["slot"] == 0
    assert not chip.get("statements")
    return answer


def refusal_of(contents: bytes, **how) -> BootError:
    """Why an image is refused that lies in slot A alone, confirmed. how: `provision`'s arguments."""
    chip = chip_with(contents, **how)
    answer = refused(chip)
    assert answer["error"] == BootError.NO_IMAGE and answer["slot_b"] == BootError.EMPTY
    assert not chip.get("locked") and chip.measurement == bytes(32)
    assert chip.flag(0, Trailer.REFUSED) == 0xFFFFFFFF
    return BootError(answer["slot_a"])


def changed(contents: bytes, at: int, value: bytes) -> bytes:
    assert contents[at : at + len(value)] != value
    return contents[:at] + value + contents[at + len(value) :]


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def signed_with(header_at: int, value: bytes) -> bytes:
    """An image with other bytes in its header or TLVs, signed as it then is."""
    contents = changed(unsigned(), header_at, value)
    measured = image.TurboSHAKE128.new(data=contents, domain=Domain.MEASUREMENT).read(32)
    signature = maker().sign(SIGNED_LABEL + measured)
    tlvs = struct.pack("<HH32sHH", Tlv.SHA256, 32, bytes(32), Tlv.SIGNATURE, len(signature)) + signature
    return contents + struct.pack("<HH", 0x6907, 4 + len(tlvs)) + tlvs


MALFORMED: dict[str, tuple[Callable[[], bytes], BootError]] = {
    "no image": (lambda: b"", BootError.EMPTY),
    "magic": (lambda: signed_with(0, u32(0x96F3B83C)), BootError.HEADER),
    "load address": (lambda: signed_with(4, u32(SRAM_BASE + 4)), BootError.HEADER),
    "header size": (lambda: signed_with(8, u16(36)), BootError.HEADER),
    "size of protected TLVs": (lambda: signed_with(10, u16(24)), BootError.HEADER),
    "flags": (lambda: signed_with(16, u32(4)), BootError.HEADER),
    "last word": (lambda: signed_with(28, u32(1)), BootError.HEADER),
    "no body": (lambda: signed_with(12, u32(0)), BootError.LENGTH),
    "half a word": (lambda: signed_with(12, u32(254)), BootError.LENGTH),
    "a body larger than SRAM": (lambda: signed_with(12, u32(MAX_BODY_BYTES + 4)), BootError.LENGTH),
    "a body larger than everything": (lambda: signed_with(12, u32(0xFFFFFFFC)), BootError.LENGTH),
    "another body size": (lambda: signed_with(12, u32(252)), BootError.TLVS),
    "protected magic": (lambda: signed_with(TLVS, u16(0x6907)), BootError.TLVS),
    "protected size": (lambda: signed_with(TLVS + 2, u16(24)), BootError.TLVS),
    "security version's type": (lambda: signed_with(TLVS + 4, u16(0x51)), BootError.TLVS),
    "security version's size": (lambda: signed_with(TLVS + 6, u16(8)), BootError.TLVS),
    "map's type": (lambda: signed_with(TLVS + 12, u16(0xA1)), BootError.TLVS),
    "map's size": (lambda: signed_with(TLVS + 14, u16(0)), BootError.TLVS),
    "TLV magic": (lambda: changed(good(), TLVS + 20, u16(0x6908)), BootError.TLVS),
    "TLV size": (lambda: changed(good(), TLVS + 22, u16(40)), BootError.TLVS),
    "SHA-256's type": (lambda: changed(good(), TLVS + 24, u16(0x11)), BootError.TLVS),
    "SHA-256's size": (lambda: changed(good(), TLVS + 26, u16(31)), BootError.TLVS),
    "signature's type": (lambda: changed(good(), TLVS + 60, u16(0xA2)), BootError.TLVS),
    "signature's size": (lambda: changed(good(), TLVS + 62, u16(WHOLE - 4)), BootError.TLVS),
    "unsigned": (lambda: unsigned(), BootError.TLVS),
    "cut off in the header": (lambda: good()[:20], BootError.HEADER),
    "cut off in the body": (lambda: good()[:100], BootError.TLVS),
    "another chip's": (lambda: good(map_of=map_hash() ^ 1), BootError.WRONG_CHIP),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_images_of_another_form_are_refused(name):
    make, error = MALFORMED[name]
    assert refusal_of(make()) is error


def test_an_image_that_reaches_into_the_trailer_is_refused():
    body = bytes(MAX_BODY_BYTES)
    contents = bytearray(good(body=body))
    at = HEADER_BYTES + len(body) + PROTECTED_BYTES
    size = TRAILER_OFFSET - at - 44 + 1
    contents[at + 2 : at + 4] = u16(44 + size)
    contents[at + 42 : at + 44] = u16(size)
    assert refusal_of(bytes(contents)) is BootError.LENGTH
    contents[at + 2 : at + 4] = u16(44 + size - 1)
    contents[at + 42 : at + 44] = u16(size - 1)
    assert refusal_of(bytes(contents)) is BootError.SIGNATURE


@pytest.mark.parametrize(
    ("version", "floor", "starts"), [(1, 1, True), (1, 2, False), (63, 64, False), (64, 64, True)]
)
def test_security_versions_below_the_floor_are_refused(version, floor, starts):
    contents = good(security_version=version)
    if starts:
        assert chip_with(contents, floor=floor).boot() is Outcome.ENTERED
    else:
        assert refusal_of(contents, floor=floor) is BootError.DOWNGRADE


def test_images_of_other_signers_are_refused():
    assert refusal_of(signed(unsigned(), "somebody else")) is BootError.SIGNATURE
    assert refusal_of(signed(unsigned(), "two levels", 2)) is BootError.SIGNATURE
    key = maker("two levels", 2).public_key
    assert refusal_of(signed(unsigned(), "other two", 2), firmware_key=key) is BootError.SIGNATURE
    assert refusal_of(good(), firmware_key=key) is BootError.SIGNATURE


def test_a_lower_tree_of_somebody_else_is_refused():
    ours, theirs = (image.parse(signed(unsigned(), name, 2)).signature for name in ("two levels", "other two"))
    upper = 4 + 4 + LMOTS_SIGNATURE_BYTES + 4 + 5 * 24
    mixed = ours[:upper] + theirs[upper:]
    contents = image.sign(unsigned(), lambda message: mixed)
    assert refusal_of(contents, firmware_key=maker("two levels", 2).public_key) is BootError.SIGNATURE


def test_the_signature_of_another_image_is_refused():
    other = image.parse(good(version=Version(9))).signature
    assert refusal_of(image.sign(unsigned(), lambda message: other)) is BootError.SIGNATURE


@pytest.mark.parametrize("size", [0, 3, 4, 8, WHOLE - 1, WHOLE + 1, 3000])
def test_signatures_of_another_size_are_refused(size):
    whole = image.parse(good()).signature
    assert len(whole) == WHOLE
    contents = image.sign(unsigned(), lambda message: whole[:size].ljust(size, b"\0"))
    assert refusal_of(contents) is BootError.SIGNATURE


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"\0\0\0\1"),
        (4, (1 << HEIGHT).to_bytes(4, "big")),
        (8, b"\0\0\0\x0e"),
        (4 + 4 + LMOTS_SIGNATURE_BYTES, b"\0\0\0\x14"),
    ],
    ids=["levels", "leaf beyond the tree", "LM-OTS type", "LMS type"],
)
def test_signatures_of_another_parameter_set_are_refused(at, value):
    assert refusal_of(changed(good(), SIGNATURE + at, value)) is BootError.SIGNATURE


@pytest.mark.parametrize(("at", "value"), [(3, 0), (3, 3), (7, 0x13), (7, 0x19), (11, 0x0E)])
def test_firmware_keys_of_another_parameter_set_are_refused(at, value):
    key = bytearray(maker().public_key)
    key[at] = value
    assert refusal_of(good(), firmware_key=bytes(key)) is BootError.KEY


def test_every_flipped_bit_is_refused():
    contents, generator = good(), random.Random(19)
    names = range(TLVS + 28, TLVS + 60)
    """The SHA-256, by which hosts name an image: ROM does not look at it."""
    bits = [8 * at + generator.randrange(8) for at in range(0, len(contents), 9) if at not in names]
    chip = chip_with(contents)
    for bit in bits:
        chip.flash[bit // 8] ^= 1 << bit % 8
        assert chip.boot() is Outcome.RECOVERY, f"bit {bit}"
        assert chip.get("slot_a") and not chip.get("locked")
        chip.flash[bit // 8] ^= 1 << bit % 8
    assert chip.boot() is Outcome.ENTERED


BAD = changed(good(), HEADER_BYTES, b"\x55")


@pytest.mark.parametrize(
    ("slot_a", "flags_a", "slot_b", "flags_b", "slot", "errors"),
    [
        (BAD, CONFIRMED, good(), CONFIRMED, 1, (BootError.SIGNATURE, 0)),
        (BAD, CONFIRMED, good(), PENDING, 1, (0, 0)),
        (good(), CONFIRMED, BAD, PENDING, 0, (0, BootError.SIGNATURE)),
        (BAD, CONFIRMED, good(), TRIED, 1, (BootError.SIGNATURE, 0)),
        (BAD, PENDING, good(), CONFIRMED, 1, (BootError.SIGNATURE, 0)),
        (b"", (), good(), CONFIRMED, 1, (BootError.EMPTY, 0)),
    ],
)
def test_the_other_slot_is_started_when_one_is_bad(slot_a, flags_a, slot_b, flags_b, slot, errors):
    chip = chip_with(slot_a, flags_a, slot_b, flags_b)
    assert chip.boot() is Outcome.ENTERED
    assert (chip.get("slot_a"), chip.get("slot_b")) == errors
    assert int.from_bytes(chip.sram[-64 + 36 :][:4], "little") == slot


def test_both_slots_bad_is_recovery():
    altered = changed(good(security_version=2), HEADER_BYTES, b"\x55")
    answer = refused(chip_with(altered, CONFIRMED, good(security_version=1), CONFIRMED, floor=2))
    assert answer == {
        "recovery": 1, "error": BootError.NO_IMAGE, "slot_a": BootError.SIGNATURE, "slot_b": BootError.DOWNGRADE,
        "slot": 0, "lifecycle": Lifecycle.DEVELOPMENT, "floor": 2, "confirmed": 0, "entropy": 0,
    }  # fmt: skip


@pytest.mark.parametrize("flags", [(), (Trailer.REFUSED,), (*PENDING, Trailer.REFUSED)])
def test_good_images_that_nobody_marked_are_not_started(flags):
    chip = chip_with(good(), flags)
    answer = refused(chip)
    assert (answer["error"], answer["slot_a"]) == (BootError.NO_IMAGE, BootError.NOT_CONFIRMED)


def test_a_bad_image_to_be_tried_is_refused_for_good_and_a_confirmed_one_is_not():
    chip = chip_with(good(), CONFIRMED, BAD, PENDING)
    assert chip.boot() is Outcome.ENTERED
    assert chip.flag(1, Trailer.REFUSED) == FLAG_SET and chip.flag(1, Trailer.TRIED) == 0xFFFFFFFF
    assert chip.boot() is Outcome.ENTERED
    assert chip.get("slot_b") == BootError.NOT_CONFIRMED


def test_a_raw_chip_starts_nothing():
    chip = UnicornChip(build_rom())
    chip.put_image(0, good(), *CONFIRMED)
    answer = refused(chip)
    assert (answer["error"], answer["lifecycle"]) == (BootError.NOT_PROVISIONED, Lifecycle.RAW)
    provision(chip)
    chip.fuses[LIFECYCLE_OFFSET] = 0
    assert refused(chip)["error"] == BootError.NOT_PROVISIONED


def theirs() -> bytes:
    """A configuration that trusts somebody else."""
    return Configuration(maker("somebody else").public_key).encode()


CONFIGURATIONS: dict[str, Callable[[UnicornChip], None]] = {
    "none": lambda chip: put_configuration(chip, b""),
    "somebody else's": lambda chip: put_configuration(chip, theirs()),
    "a longer one": lambda chip: put_configuration(chip, Configuration(maker().public_key).encode() + b"\0"),
    "a shorter one": lambda chip: put_configuration(chip, Configuration(maker().public_key).encode()[:-4]),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations_that_the_fuses_do_not_name_are_refused(name):
    chip = chip_with(signed(unsigned(), "somebody else"))
    CONFIGURATIONS[name](chip)
    assert refused(chip)["error"] == BootError.CONFIGURATION


def test_every_changed_byte_of_the_configuration_is_refused():
    chip = chip_with(good())
    start = JOURNAL_OFFSET + 16
    for at in range(start, start + 8 + 120, 5):
        chip.flash[at] ^= 0x10
        assert chip.boot() is Outcome.RECOVERY and chip.get("error") == BootError.CONFIGURATION, hex(at)
        chip.flash[at] ^= 0x10
    whole = bytearray(Configuration(maker().public_key).encode())
    for at in range(0, len(whole), 5):
        whole[at] ^= 1
        put_configuration(chip, bytes(whole))
        assert chip.boot() is Outcome.RECOVERY and chip.get("error") == BootError.CONFIGURATION, hex(at)
        whole[at] ^= 1


@pytest.mark.parametrize("stuck", [STUCK_AT_0, STUCK_AT_1])
def test_absent_flash_is_told(stuck):
    chip = chip_with(good())
    chip.set(flash_absent=stuck)
    answer = refused(chip)
    assert answer["error"] == BootError.FLASH


def test_fuses_that_are_never_read_are_told():
    chip = chip_with(good())
    chip.set(fuses_absent=1)
    assert chip.boot() is Outcome.RECOVERY
    assert chip.get("error") == BootError.FUSES


def test_a_chip_with_another_register_map_is_told():
    chip = chip_with(good())
    chip.set(map_hash=map_hash() ^ 0x8000)
    assert refused(chip)["error"] == BootError.MAP


def test_a_log_that_cannot_be_recovered_is_told_to_the_application_which_signs_nothing():
    chip = chip_with(good())
    journal = sector_header(JOURNAL_MAGIC, 1) + record(
        JournalRecord.CONFIGURATION, Configuration(maker().public_key).encode()
    )
    journal += record(JournalRecord.MACS, (1000).to_bytes(8, "little"))
    chip.flash[JOURNAL_OFFSET : JOURNAL_OFFSET + len(journal)] = journal
    log = bytearray(sector_header(LOG_MAGIC, 0) + record(LogRecord.STATEMENT, bytes(544)))
    log[100] ^= 1
    chip.flash[LOG_OFFSET : LOG_OFFSET + len(log)] = log
    assert chip.boot() is Outcome.ENTERED
    assert chip.get("error") == BootError.LOG and not chip.get("statements") and not chip.get("restores")


def test_a_refused_boot_statement_is_told():
    chip = chip_with(good())
    chip.set(statement_refused=1)
    assert chip.boot() is Outcome.RECOVERY
    assert boot_answer(chip)["error"] == BootError.STATEMENT


def test_without_entropy_the_application_starts_and_nothing_is_signed():
    chip = chip_with(good())
    chip.set(entropy_failed=1)
    assert chip.boot() is Outcome.ENTERED
    assert not chip.get("statements")
