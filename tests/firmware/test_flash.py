"""The flash driver, the hash driver and CRC-32 against the model's registers."""

import hashlib
import random
import struct
import zlib

import pytest
from Crypto.Hash import TurboSHAKE128

from formats.flash import FLASH_BYTES, PROGRAM_BYTES, SECTOR_BYTES
from tests.firmware.flash_bed import fresh, u64
from tests.firmware.host_build import HostChip


@pytest.fixture
def bed(driver: HostChip) -> HostChip:
    fresh(driver)
    return driver


def one(bed: HostChip, operation: str, data: bytes) -> bytes:
    (answer,) = bed.batch([(operation, data)])
    return answer


@pytest.mark.parametrize("offset", [0, 1, 255, 0x1234F, FLASH_BYTES - 5000])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 255, 4096])
def test_any_bytes_are_read(bed, offset, size):
    content = random.Random(1).randbytes(5000)
    bed.write_flash(offset, content)
    assert one(bed, "x", u64(offset, size)) == content[:size]


def test_a_read_longer_than_the_controller_counts(bed):
    content = random.Random(2).randbytes(0x11003)
    bed.write_flash(0x20001, content)
    assert one(bed, "x", u64(0x20001, len(content))) == content


@pytest.mark.parametrize("offset", [0, 3, 200, 255, 256])
@pytest.mark.parametrize("size", [1, 4, 57, 256, 257, 1000])
def test_programming_clears_bits_across_pages_and_nothing_else(bed, offset, size):
    before, given = random.Random(3).randbytes(2048), random.Random(4).randbytes(size)
    bed.write_flash(0x8000, before)
    assert one(bed, "y", u64(0x8000 + offset) + given) == b"\1"
    expected = bytearray(before)
    for at, byte in enumerate(given, start=offset):
        expected[at] &= byte
    assert bed.flash(0x8000, 2048) == expected
    pages = (offset + size - 1) // PROGRAM_BYTES - offset // PROGRAM_BYTES + 1
    assert struct.unpack("<3Q", one(bed, "n", b""))[1] == pages


def test_erasing_sets_one_sector(bed):
    bed.write_flash(0, bytes(3 * SECTOR_BYTES))
    assert one(bed, "q", u64(SECTOR_BYTES)) == b"\1"
    assert bed.flash(0, 3 * SECTOR_BYTES) == bytes(SECTOR_BYTES) + b"\xff" * SECTOR_BYTES + bytes(SECTOR_BYTES)


def test_a_part_that_stays_busy_is_given_up(bed):
    bed.batch([("f", u64(1, 0))])
    assert one(bed, "q", u64(0)) == b"\0"
    assert one(bed, "i", b"") == b"\0"
    bed.batch([("f", u64(0, 0)), ("p", b"")])
    assert one(bed, "i", b"")[:8] == u64(1)


def test_a_reset_waits_out_what_the_part_does(bed):
    """As a warm reset of the processor in the middle of an erase: the model refuses a reset of a busy part."""
    bed.batch([("f", u64(1, 0)), ("q", u64(0)), ("f", u64(0, 0))])
    assert one(bed, "i", b"")[:8] == u64(1)


@pytest.mark.parametrize("step", [1, 3, 64, 1000])
def test_crc32(bed, step):
    def crc(data: bytes) -> int:
        return int.from_bytes(one(bed, "k", u64(step) + data), "little")

    assert crc(b"123456789") == 0xCBF43926
    assert crc(b"") == 0
    data = random.Random(5).randbytes(700)
    assert crc(data) == zlib.crc32(data)


SIZES = [*range(1, 26), 135, 136, 137, 159, 160, 161, 167, 168, 169, 175, 176, 336, 1000]


@pytest.mark.parametrize("piece", [1, 3, 4, 7, 8, 64, 1 << 20])
def test_messages_of_any_length_in_any_pieces_are_hashed(bed, piece):
    for size in SIZES:
        message = random.Random(size).randbytes(size)
        for domain in (0x01, 0x05, 0x7F):
            expected = TurboSHAKE128.new(data=message, domain=domain).read(32)
            assert one(bed, "h", u64(domain, piece) + message) == expected, size
        assert one(bed, "h", u64(0, piece) + message) == hashlib.shake_256(message).digest(32), size


@pytest.mark.parametrize(("begin", "end"), [(0, 1), (0, 15), (7, 9), (5, 5)])
def test_lmots_chains(bed, begin, end):
    identifier, value = bytes(range(16)), random.Random(6).randbytes(24)
    answer = one(bed, "l", u64(0x01020304, 0x0506, begin, end) + identifier + value)
    for j in range(begin, end):
        message = identifier + struct.pack(">IHB", 0x01020304, 0x0506, j) + value
        value = hashlib.shake_256(message).digest(24)
    assert answer == value
