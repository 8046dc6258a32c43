"""The boot ROM's binary starts what it should: which slot, with what handed over, from where life goes on."""

import struct

import pytest
from Crypto.Hash import TurboSHAKE128

from formats.boot import BootError
from formats.configuration import LogMode
from formats.flash import FLAG_SET, LOG_MAGIC, LOG_OFFSET, LogRecord, Trailer
from formats.hashing import Domain
from formats.image import MAX_BODY_BYTES
from formats.otp import Lifecycle
from formats.statement import Kind, layout
from host.firmware import image
from host.firmware.image import Version
from rtl.config import CONFIGS
from sim.rtl.flash_image import record, sector_header
from tests.firmware.boot_images import CONFIRMED, PENDING, TRIED, chip_with, good, maker, signed, unsigned
from tests.firmware.unicorn_chip import STATEMENT, Outcome

HANDOFF = CONFIGS["test"].sram_bytes - 64


def handoff(chip) -> tuple[bytes, int, int, int]:
    """measurement, security version, slot, confirmed: struct handoff (firmware/lib/handoff.h)."""
    return struct.unpack_from("<32sIII", chip.sram, HANDOFF)


def started(chip) -> tuple[int, int]:
    """The slot that is started, and whether it counts as confirmed."""
    assert chip.boot() is Outcome.ENTERED
    return handoff(chip)[2:]


@pytest.mark.parametrize("size", [4, 256, 4092, 33_000, MAX_BODY_BYTES])
def test_what_is_started_is_measured_locked_and_alone_in_its_memory(size):
    body = bytes(value * 7 & 0xFF or 1 for value in range(size))
    contents = good(body=body, security_version=3)
    chip = chip_with(contents, floor=3)
    assert chip.boot() is Outcome.ENTERED
    measurement = image.measurement(contents)
    assert handoff(chip) == (measurement, 3, 0, 1)
    assert chip.measurement == measurement and chip.get("security_version") == 3 and chip.get("locked")
    assert bytes(chip.sram[:MAX_BODY_BYTES]) == body.ljust(MAX_BODY_BYTES, b"\0")
    assert [chip.get(name) for name in ("error", "slot_a", "slot_b")] == [0, 0, BootError.EMPTY]
    assert (chip.get("statements"), chip.get("statement_kind")) == (1, Kind.BOOT)
    assert chip.take() == b""
    assert chip.get("programs") == 0


def test_two_levels_of_keys_sign_as_well_as_one():
    contents = signed(unsigned(), "two levels", levels=2)
    chip = chip_with(contents, firmware_key=maker("two levels", levels=2).public_key)
    assert started(chip) == (0, 1)


@pytest.mark.parametrize("lifecycle", [Lifecycle.DEVELOPMENT, Lifecycle.PRODUCTION, Lifecycle.RETIRED])
def test_every_chip_with_an_identity_boots(lifecycle):
    assert started(chip_with(good(), lifecycle=lifecycle)) == (0, 1)


@pytest.mark.parametrize(("mode", "holds"), [(LogMode.FLASH, 0), (LogMode.SERVER, 1)])
def test_the_accelerator_is_held_for_receipts_when_the_configuration_says_so(mode, holds):
    chip = chip_with(good(), log_mode=mode, verifier_key=maker("verifier").public_key)
    assert chip.boot() is Outcome.ENTERED
    assert chip.get("hold_mode") == holds


OLD, NEW = Version(1, 2, 3, 4), Version(1, 2, 3, 5)


@pytest.mark.parametrize(
    ("flags_a", "flags_b", "slot", "confirmed"),
    [
        (CONFIRMED, CONFIRMED, 1, 1),
        (CONFIRMED, PENDING, 1, 0),
        (PENDING, CONFIRMED, 0, 0),
        (PENDING, PENDING, 1, 0),
        (CONFIRMED, TRIED, 0, 1),
        (TRIED, CONFIRMED, 1, 1),
        (CONFIRMED, (), 0, 1),
        (TRIED, TRIED, 1, 0),
        (TRIED, (), 0, 0),
        ((*TRIED, Trailer.CONFIRMED), TRIED, 0, 1),
        (CONFIRMED, (*PENDING, Trailer.REFUSED), 0, 1),
        (CONFIRMED, (*CONFIRMED, Trailer.REFUSED), 0, 1),
    ],
)
def test_the_slot_is_chosen_by_its_flags_and_then_by_version(flags_a, flags_b, slot, confirmed):
    chip = chip_with(good(version=OLD), flags_a, good(version=NEW), flags_b)
    before = [chip.flag(slot, Trailer.TRIED) for slot in (0, 1)]
    assert started(chip) == (slot, confirmed)
    tried = (flags_a, flags_b)[slot] == PENDING
    assert chip.flag(slot, Trailer.TRIED) == (FLAG_SET if tried else before[slot])
    assert chip.flag(1 - slot, Trailer.TRIED) == before[1 - slot]
    passed_over = (flags_a, flags_b)[1 - slot]
    unconfirmed = Trailer.CONFIRMED not in passed_over or Trailer.REFUSED in passed_over
    expected = BootError.NOT_CONFIRMED if unconfirmed and passed_over != PENDING else BootError.NONE
    assert chip.get("slot_b" if slot == 0 else "slot_a") == expected


def test_the_security_version_counts_before_the_version():
    chip = chip_with(good(version=OLD, security_version=2), slot_b=good(version=NEW, security_version=1))
    assert started(chip) == (0, 1)


@pytest.mark.parametrize("tie", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)])
def test_every_part_of_the_version_counts(tie):
    chip = chip_with(good(version=Version(0, 0, 0, 0)), slot_b=good(version=Version(*tie)))
    assert started(chip) == (1, 1)


def test_a_trial_is_made_once_and_the_image_before_comes_back():
    chip = chip_with(good(version=OLD), CONFIRMED, good(version=NEW), PENDING)
    assert started(chip) == (1, 0)
    assert started(chip) == (0, 1)
    assert chip.get("slot_b") == BootError.NOT_CONFIRMED
    chip.set_flag(1, Trailer.CONFIRMED)
    assert started(chip) == (1, 1)


def test_torn_flags_are_flags_that_are_not_set():
    torn = FLAG_SET | 0x00FF0000
    chip = chip_with(good(version=OLD), CONFIRMED, good(version=NEW), PENDING)
    chip.set_flag(1, Trailer.TRIED, torn)
    assert started(chip) == (1, 0)
    assert chip.flag(1, Trailer.TRIED) == FLAG_SET
    chip = chip_with(good(version=OLD), CONFIRMED, good(version=NEW), ())
    chip.set_flag(1, Trailer.PENDING, torn)
    assert started(chip) == (0, 1)


def statement(seq: int, bootcount: int, macs: int, kind: Kind = Kind.HEAD) -> bytes:
    """A statement with these claims and zeros elsewhere."""
    whole = bytearray(STATEMENT)
    for name, value in (("seq", seq), ("bootcount", bootcount), ("macs", macs), ("kind", kind)):
        claim = layout()[name]
        at = len(layout().statement_prefix) + claim.offset
        whole[at : at + claim.size] = value.to_bytes(claim.size, "big")
    return bytes(whole)


def test_life_goes_on_where_the_log_ends_and_is_restored_once():
    chip = chip_with(good())
    last = statement(seq=0x1_0000_0000, bootcount=41, macs=0x123456789A)
    log = sector_header(LOG_MAGIC, 0) + record(LogRecord.STATEMENT, last)
    chip.flash[LOG_OFFSET : LOG_OFFSET + len(log)] = log
    chain = TurboSHAKE128.new(data=bytes(32) + last, domain=Domain.CHAIN).read(32)
    expected = (1, 1, 42, 0x3456789A, 0x12, *struct.unpack("<8I", chain))
    chip.boot()
    assert chip.restored == expected and chip.get("bootcount") == 42
    chip.boot()
    assert chip.get("restores") == 1 and chip.get("bootcount") == 43


def test_a_statement_that_a_warm_reset_kept_from_the_log_is_in_it_after_the_next_boot():
    chip = chip_with(good())
    assert chip.boot() is Outcome.ENTERED
    assert bytes(chip.flash[LOG_OFFSET : LOG_OFFSET + 16]) == b"\xff" * 16
    assert chip.boot() is Outcome.ENTERED
    kept = statement(seq=0, bootcount=1, macs=0, kind=Kind.BOOT)
    log = sector_header(LOG_MAGIC, 0) + record(LogRecord.STATEMENT, kept)
    assert bytes(chip.flash[LOG_OFFSET : LOG_OFFSET + len(log)]) == log
    assert chip.get("statements") == 2


def test_a_new_chip_begins_at_nothing():
    chip = chip_with(good())
    assert chip.boot() is Outcome.ENTERED
    assert chip.restored == (0, 0, 1, *(0,) * 10)
