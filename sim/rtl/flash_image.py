"""Flash and fuses of a chip before its first boot, as pure functions of what was installed and fused."""

from zlib import crc32

from Crypto.Hash import TurboSHAKE128

from formats import otp
from formats.configuration import Configuration
from formats.flash import (
    FLAG_SET,
    FLASH_BYTES,
    JOURNAL_MAGIC,
    JOURNAL_OFFSET,
    SLOT_BYTES,
    TRAILER_OFFSET,
    JournalRecord,
    Trailer,
)
from formats.hashing import DIGEST_BYTES, Domain
from formats.otp import Lifecycle

from .identity import Identity

ERASED = b"\xff"
FIRST_SEQUENCE = 1
"""Of the journal's first sector."""


def sector_header(magic: int, sequence: int) -> bytes:
    """The 16 bytes that a sector of journal or log begins with (formats/flash.py)."""
    fields = b"".join(word.to_bytes(4, "little") for word in (magic, sequence, sequence ^ 0xFFFFFFFF))
    return fields + crc32(fields).to_bytes(4, "little")


def record(kind: int, payload: bytes) -> bytes:
    """A record of journal or log, padded to a multiple of 4 bytes (formats/flash.py). payload: below 65536 bytes."""
    head = kind.to_bytes(2, "little") + len(payload).to_bytes(2, "little")
    whole = head + crc32(head + payload).to_bytes(4, "little") + payload
    return whole + ERASED * (-len(whole) % 4)


def erased_flash() -> bytes:
    """FLASH_BYTES of a chip that nobody has provisioned yet."""
    return ERASED * FLASH_BYTES


def confirmed_slot(application: bytes) -> bytes:
    """SLOT_BYTES with a signed image (formats/image.py) that is booted without a trial.

    Raises ValueError for an image that a slot does not hold.
    """
    if len(application) > TRAILER_OFFSET:
        raise ValueError(f"the firmware image has {len(application)} bytes: a slot holds {TRAILER_OFFSET}")
    slot = bytearray(application.ljust(SLOT_BYTES, ERASED))
    flag = TRAILER_OFFSET + Trailer.CONFIRMED
    slot[flag : flag + 4] = FLAG_SET.to_bytes(4, "little")
    return bytes(slot)


def provisioned_flash(application: bytes, configuration: Configuration, offset: int = 0) -> bytes:
    """FLASH_BYTES of a chip before its first boot: an image in slot A, confirmed; its configuration; an empty log.

    application: the signed image (formats/image.py). offset: the chip configuration's flash_offset.
    Raises ValueError for an image that a slot does not hold.
    """
    journal = sector_header(JOURNAL_MAGIC, FIRST_SEQUENCE)
    journal += record(JournalRecord.CONFIGURATION, configuration.encode())
    flash = bytearray(erased_flash())
    for at, data in (
        (0, confirmed_slot(application)),
        (JOURNAL_OFFSET, journal),
    ):
        flash[offset + at : offset + at + len(data)] = data
    return bytes(flash)


def fuses(identity: Identity, configuration: Configuration, lifecycle: Lifecycle = Lifecycle.DEVELOPMENT) -> bytes:
    """The OTP_BYTES bytes of a chip that was provisioned so. Raises ValueError for RAW, which has no identity."""
    if lifecycle is Lifecycle.RAW:
        raise ValueError("a raw chip has no identity in its fuses")
    digest = TurboSHAKE128.new(data=configuration.encode(), domain=Domain.CONFIGURATION).read(DIGEST_BYTES)
    return otp.image(lifecycle, identity.chip_id, identity.key_seed, digest)
