"""Flash and fuses of a chip before its first boot, read back by what formats/flash.py and formats/otp.py say."""

import binascii
import struct

import pytest

from formats.configuration import CONFIGURATION_RECORD_BYTES, Configuration, LogMode
from formats.flash import (
    FLAG_SET,
    FLASH_BYTES,
    JOURNAL_MAGIC,
    JOURNAL_OFFSET,
    SECTOR_HEADER_BYTES,
    TRAILER_OFFSET,
    JournalRecord,
    Trailer,
)
from formats.otp import OTP_BYTES, Lifecycle
from sim.rtl import flash_image
from sim.rtl.identity import Identity, development_identity

APPLICATION = bytes(range(250)) * 4
CONFIGURATION = Configuration(bytes(range(52)), bytes(range(100, 152)), LogMode.SERVER)


def test_a_record_by_hand():
    """The CRC is the one whose check value, over 123456789, is cbf43926."""
    assert binascii.crc32(b"123456789") == 0xCBF43926
    checksum = binascii.crc32(b"\x03\x00\x05\x00hello").to_bytes(4, "little")
    assert flash_image.record(3, b"hello") == b"\x03\x00\x05\x00" + checksum + b"hello" + b"\xff" * 3


@pytest.mark.parametrize("offset", [0, 0x100000])
def test_what_lies_where_in_a_provisioned_flash(offset):
    flash = bytearray(flash_image.provisioned_flash(APPLICATION, CONFIGURATION, offset))
    assert len(flash) == FLASH_BYTES

    def take(at, size):
        taken = bytes(flash[offset + at : offset + at + size])
        flash[offset + at : offset + at + size] = b"\xff" * size
        return taken

    assert take(0, len(APPLICATION)) == APPLICATION
    assert take(TRAILER_OFFSET + Trailer.CONFIRMED, 4) == struct.pack("<I", FLAG_SET)
    magic, sequence, inverse, checksum = struct.unpack("<IIII", head := take(JOURNAL_OFFSET, SECTOR_HEADER_BYTES))
    assert (magic, sequence ^ inverse, checksum) == (JOURNAL_MAGIC, 0xFFFFFFFF, binascii.crc32(head[:12]))
    record = take(JOURNAL_OFFSET + SECTOR_HEADER_BYTES, 8 + CONFIGURATION_RECORD_BYTES)
    kind, length, checksum = struct.unpack("<HHI", record[:8])
    assert (kind, length) == (JournalRecord.CONFIGURATION, CONFIGURATION_RECORD_BYTES)
    assert checksum == binascii.crc32(record[:4] + record[8:])
    assert Configuration.decode(record[8:]) == CONFIGURATION
    assert flash == flash_image.erased_flash(), "nothing else is programmed"


def test_an_image_must_end_before_the_trailer():
    flash_image.provisioned_flash(bytes(TRAILER_OFFSET), CONFIGURATION)
    with pytest.raises(ValueError, match=f"{TRAILER_OFFSET + 1} bytes"):
        flash_image.provisioned_flash(bytes(TRAILER_OFFSET + 1), CONFIGURATION)


@pytest.mark.parametrize("lifecycle", [Lifecycle.DEVELOPMENT, Lifecycle.PRODUCTION, Lifecycle.RETIRED])
def test_fuses_hold_the_identity(lifecycle):
    identity = development_identity(3)
    fuses = flash_image.fuses(identity, CONFIGURATION, lifecycle)
    assert (len(fuses), fuses[0]) == (OTP_BYTES, lifecycle.fuses)
    assert Identity.from_fuses(fuses) == identity
    other = Configuration(CONFIGURATION.firmware_key, CONFIGURATION.verifier_key)
    assert flash_image.fuses(identity, other, lifecycle)[64:96] != fuses[64:96]


def test_a_raw_chip_has_no_identity():
    assert Identity.from_fuses(bytes(OTP_BYTES)) is None
    with pytest.raises(ValueError, match="raw"):
        flash_image.fuses(development_identity(0), CONFIGURATION, Lifecycle.RAW)


def test_development_identities_differ():
    identities = [development_identity(seed) for seed in range(4)]
    assert len({identity.chip_id for identity in identities}) == len({each.key_seed for each in identities}) == 4
