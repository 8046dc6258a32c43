"""SPI NOR flash: its geometry, what lies where, and the records of journal and log.

| offset            | sectors     | holds                                                       |
|-------------------|-------------|-------------------------------------------------------------|
| 0                 | 16          | slot A: a firmware image (formats/image.py); the last sector is its trailer |
| SLOT_BYTES        | 16          | slot B                                                      |
| JOURNAL_OFFSET    | 4           | journal: the newest record of each type counts              |
| LOG_OFFSET        | log_sectors | log: all records count, until a truncation                  |

Offsets are relative to the configuration's flash_offset: on boards the bitstream comes first.

A sector of journal or log begins with a sector header, magic ‖ sequence ‖ ~sequence ‖ CRC-32 of these, each u32.
Records follow, each on a multiple of 4 bytes:

    u16 type ‖ u16 length ‖ u32 CRC-32 of type ‖ length ‖ payload, and payload; then 0xFF up to a multiple of 4

Eight bytes 0xFF in place of a record's head are free space, as far as all behind them is 0xFF. Nothing is written
behind a record whose CRC is wrong: the next record goes to the next sector. So records behind such a one were there
before it was damaged, and count. CRC-32 is zlib's. All integers are little-endian.

The log's sectors are a ring: the one with sequence s is number s modulo log_sectors, and a header elsewhere is not
believed. Sequences grow by one from 0 on; a sector that never got a record is begun again under the same. The sector
behind the newest is always erased. A journal sector gets its header last, when the newest of all types are in it.

A slot's trailer: five u32 flags that are set by programming FLAG_SET over 0xFFFFFFFF (Trailer), and at
UPLOAD_OFFSET the upload in progress: u32 length ‖ SHA-256 of the image file ‖ u32 CRC-32 of these.
"""

from dataclasses import dataclass
from enum import IntEnum

SECTOR_BYTES = 4096
"""Smallest unit that erases, to 0xFF."""

PROGRAM_BYTES = 256
"""Largest unit that programs at once, within a page of this size; it clears bits only."""


@dataclass(frozen=True)
class FlashPart:
    """A kind of flash. jedec_ids: the answers to command 9F that are accepted, three bytes each: makers differ in
    them between variants of a part that do the same. size: in bytes."""

    name: str
    size: int
    jedec_ids: tuple[bytes, ...]


FLASH_BYTES = 4 << 20
JEDEC_ID = bytes.fromhex("ef4016")
MODELLED_PART = FlashPart("W25Q32JV", FLASH_BYTES, (JEDEC_ID,))
"""What the emulators model."""

ADDRESS_BYTES = 3
"""Of a command with an address, most significant first. What lies beyond them in a larger part is not used."""


class FlashCommand(IntEnum):
    """First byte of a transaction with a part."""

    PAGE_PROGRAM = 0x02
    READ = 0x03
    WRITE_DISABLE = 0x04
    READ_STATUS = 0x05
    WRITE_ENABLE = 0x06
    FAST_READ = 0x0B
    SECTOR_ERASE = 0x20
    ENABLE_RESET = 0x66
    RESET = 0x99
    JEDEC_ID = 0x9F
    RELEASE_POWER_DOWN = 0xAB


SLOTS = 2
SLOT_BYTES = 64 * 1024
TRAILER_OFFSET = SLOT_BYTES - SECTOR_BYTES
"""Of a slot's trailer within the slot; an image must end before it."""

JOURNAL_OFFSET = SLOTS * SLOT_BYTES
JOURNAL_SECTORS = 4
LOG_OFFSET = 0x30000

SECTOR_HEADER_BYTES = 16
RECORD_HEADER_BYTES = 8
LOG_MAGIC = 0x4C54474C
JOURNAL_MAGIC = 0x4C544A4C

FLAG_SET = 0x5345541D
UPLOAD_OFFSET = 64


class Trailer(IntEnum):
    """Byte offsets of a slot's flags."""

    PENDING = 0
    """The image is to be tried at the next boot."""
    TRIED = 4
    """ROM has started it since."""
    CONFIRMED = 8
    """It works: it is booted from now on."""
    REFUSED = 12
    """ROM has refused it for good."""
    TOLD = 16
    """An event says why it was not started."""


MACS_STEP = 1 << 32
"""By which the MACS record is raised, ahead of need."""


class LogRecord(IntEnum):
    """Types of log records."""

    STATEMENT = 1
    """A COSE_Sign1, as made by the chip."""
    EVENT = 2
    """u32 Event ‖ u32 detail ‖ u32 bootcount ‖ u64 ticks: what could not be signed when it happened."""


class JournalRecord(IntEnum):
    """Types of journal records."""

    CONFIGURATION = 1
    """The configuration (formats/configuration.py), checked against the fuses' digest."""
    CERTIFICATE = 2
    """The certificate chain."""
    MACS = 3
    """u64, a multiple of MACS_STEP: no life-time count of multiply-accumulates is above this, nor more than two steps
    below. A cold boot resumes there if the log knows less."""
    TRUNCATED = 4
    """u64 seq ‖ 32 bytes chain: the first statement that the log still has to hold, and its chain."""
    RECEIPTED = 5
    """u64: seq after the last snapshot statement whose receipt was checked."""
    ERRORS_STATED = 6
    """u32: the last bootcount whose events have error statements."""


EVENT_RECORD_BYTES = 20


class Event(IntEnum):
    """What an EVENT record tells."""

    ENTROPY = 1
    """The entropy source failed its health tests. detail: 1 repetition count, 2 adaptive proportion, 3 both."""
    TRAP = 2
    """The processor trapped. detail: mcause."""
    LOG_DAMAGE = 3
    """Recovery met a damaged sector. detail: its number."""
    ROLLBACK = 4
    """A new image did not confirm itself. detail: its slot."""
    REFUSED_IMAGE = 5
    """ROM refused an image. detail: slot << 16 | BootError."""

    @property
    def explanation(self) -> str:
        """The sentence that the host prints, before what the detail says."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Event.ENTROPY: "the entropy source failed its health tests",
    Event.TRAP: "the processor trapped",
    Event.LOG_DAMAGE: "a sector of the log was found damaged",
    Event.ROLLBACK: "a new image did not confirm itself, and the one before it was started again",
    Event.REFUSED_IMAGE: "ROM refused an image",
}
