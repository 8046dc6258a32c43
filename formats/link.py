"""The host link: SMP (MCUmgr) groups, commands, keys' meanings, error codes and limits.

Frames are the SMP serial encoding: lines of at most 127 bytes, `06 09` or `04 14`, base64 of
(u16 length ‖ packet ‖ CRC-16/XMODEM), newline. A packet is the 8-byte SMP header and one CBOR map.

Requests of the user group; `?` marks an optional key. Integers are CBOR unsigned integers.

| command     | op    | request                          | response                                               |
|-------------|-------|----------------------------------|--------------------------------------------------------|
| INFO        | read  | {}                               | ueid, key, firmware (bstr), version, config (tstr), pages, page_size, map, bootcount, seq, first, capacity |
| ATTEST      | write | nonce (bstr 32), id?             | seq of the head statement                              |
| SNAPSHOT    | write | nonce? (bstr 32), id?            | seq of the snapshot statement                          |
| STATEMENT   | read  | seq                              | seq, data (bstr): the COSE_Sign1                       |
| PAGE        | read  | seq, off, len                    | off, data (bstr), or off, zeros: len bytes are zero    |
| MEMORY      | read  | addr, len                        | addr, data (bstr), or addr, zeros                      |
| MEMORY      | write | addr, data (bstr), id?           | records, completed since boot                          |
| TRIGGER     | read  | {}                               | rate                                                   |
| TRIGGER     | write | rate, id?                        | records                                                |
| COUNTERS    | read  | {}                               | macs, steps, descriptors, ticks, records, captures, stalls, capture_cycles, sign_cycles |
| RUN         | write | addr, count, iterations, open, end, id? | records                                         |
| ACCELERATOR | read  | {}                               | busy (0 or 1), error, at, busy_cycles, stall_cycles    |
| ACCELERATOR | write | id?                              | {}                                                     |
| PRECOMMIT   | write | digest (bstr 32), id?            | seq of the precommit statement                         |
| CERTIFICATE | read  | {}                               | data (bstr)                                            |
| CERTIFICATE | write | data (bstr), id?                 | {}                                                     |
| BOOT        | read  | {}                               | recovery (0 or 1), error, slot_a, slot_b, slot, lifecycle, floor, confirmed (0 or 1), entropy (0 or 1) |
| PROVISION   | write | chip (bstr 16), data (bstr), id? | {}                                                     |
| LIFECYCLE   | write | state, id?                       | {}                                                     |
| CONFIGURATION | read | {}                              | data (bstr)                                            |
| EVENT       | read  | index                            | event, detail, boot, ticks, count                      |
| RECEIPT     | read  | {}                               | held (0 or 1), seq                                     |
| RECEIPT     | write | data (bstr), id?                 | {}                                                     |
| TRUNCATE    | write | data (bstr), id?                 | seq of the truncate statement                          |

BOOT is answered by ROM's recovery mode too; error, slot_a and slot_b are BootError codes (formats/boot.py), slot is the
slot that runs (0 or 1), entropy is 1 when the entropy source has failed. Recovery mode knows BOOT, PROVISION, the
OS group and the image group, and refuses the rest as UNKNOWN_COMMAND.
PROVISION is taken by a RAW chip alone: its id, and its configuration (formats/configuration.py). The chip makes its own
key and becomes a DEVELOPMENT chip. LIFECYCLE raises the state to a Lifecycle (formats/otp.py).
EVENT reads what the log holds beside statements, from index 0 (formats/flash.py); count is their number.
RECEIPT tells whether the accelerator is held, and a seq: no snapshot statement before it waits for a receipt. Its write is a
receipt. TRUNCATE takes an approval. Both are COSE_Sign1 under the configuration's verifier key (formats/
receipt.cddl, formats/approval.cddl).

The image group is SMP's own: state read and write, upload, erase (MCUmgr, group 1). The hash that names an image is its
SHA256 TLV (formats/image.py); slot 0 is the one that runs, slot 1 the other.

Nonce and digest are not all zeros, which stand in a statement for "nobody asked" and "no digest".

RUN is an ingest record of kind RUN (formats/descriptor.py); `open` and `end` are its open window. ACCELERATOR tells whether
a run is in progress, and an AcceleratorError with the address of the refused descriptor; its write clears the error.
MEMORY and RUN are answered BUSY while the record would have to wait for a run's end.

`id` is a random u32 chosen for each request that changes something. A request with the SMP sequence number
and `id` of the last such request is a retry: it is not carried out again, the same response is sent again.
"""

from enum import IntEnum

USER_GROUP = 64
"""SMP group of the chip's own commands (groups from 64 are per-user)."""

OS_GROUP = 0
IMAGE_GROUP = 1

LINE_BYTES = 127
"""Bytes in a line of the serial encoding, delimiter and newline included."""

PACKET_BYTES = 4096
"""Largest SMP packet, header included, that the chip takes. What it sends is at most 2048 bytes."""

CHUNK_BYTES = 1024
"""Most bytes of memory that one MEMORY or PAGE request moves."""

CERTIFICATE_BYTES = 1024
"""Largest certificate that the chip keeps."""


class OsCommand(IntEnum):
    """Commands of SMP's OS group that the chip knows."""

    ECHO = 0
    RESET = 5
    PARAMETERS = 6


class ImageCommand(IntEnum):
    """Commands of SMP's image group that the chip knows."""

    STATE = 0
    UPLOAD = 1
    ERASE = 5


class ImageError(IntEnum):
    """Result codes of the image group, as far as the chip uses them; MCUmgr's numbers."""

    OK = 0
    UNKNOWN = 1
    NO_IMAGE = 3
    INVALID_TLV = 5
    HASH_NOT_FOUND = 8
    NO_FREE_SLOT = 9
    FLASH_READ_FAILED = 11
    FLASH_WRITE_FAILED = 12
    FLASH_ERASE_FAILED = 13
    INVALID_SLOT = 14
    INVALID_OFFSET = 20
    INVALID_LENGTH = 21
    INVALID_IMAGE_HEADER = 22
    INVALID_IMAGE_HEADER_MAGIC = 23
    INVALID_HASH = 24
    CURRENT_VERSION_IS_NEWER = 27
    IMAGE_ALREADY_PENDING = 28
    INVALID_IMAGE_TOO_LARGE = 30
    INVALID_IMAGE_DATA_OVERRUN = 31
    IMAGE_CONFIRMATION_DENIED = 32
    IMAGE_SETTING_TEST_TO_ACTIVE_DENIED = 33

    @property
    def explanation(self) -> str:
        """The sentence that the host prints."""
        return _IMAGE_EXPLANATIONS[self]


_IMAGE_EXPLANATIONS = {
    ImageError.OK: "no error",
    ImageError.UNKNOWN: "an unknown error",
    ImageError.NO_IMAGE: "there is no such image",
    ImageError.INVALID_TLV: "ROM would not start the image: it is damaged, or not signed by the chip's firmware key",
    ImageError.HASH_NOT_FOUND: "the chip has no image with this hash",
    ImageError.NO_FREE_SLOT: "there is no slot for an image now: the firmware that runs is not confirmed yet",
    ImageError.FLASH_READ_FAILED: "the flash cannot be read",
    ImageError.FLASH_WRITE_FAILED: "the flash cannot be written",
    ImageError.FLASH_ERASE_FAILED: "the slot cannot be erased",
    ImageError.INVALID_SLOT: "there is no such slot, or it is the one that runs",
    ImageError.INVALID_OFFSET: "the upload is at another byte",
    ImageError.INVALID_LENGTH: "the length is missing, or not that of an image",
    ImageError.INVALID_IMAGE_HEADER: "the image's header is not what every image begins with",
    ImageError.INVALID_IMAGE_HEADER_MAGIC: "the file is no image: its first bytes are others",
    ImageError.INVALID_HASH: "the image does not have the hash that it was announced with, or the signature is wrong",
    ImageError.CURRENT_VERSION_IS_NEWER: "the image's security version is below what the fuses demand",
    ImageError.IMAGE_ALREADY_PENDING: "an image is to be tried at the next boot already",
    ImageError.INVALID_IMAGE_TOO_LARGE: "the image is larger than a slot",
    ImageError.INVALID_IMAGE_DATA_OVERRUN: "more bytes came than the image was to have",
    ImageError.IMAGE_CONFIRMATION_DENIED: "this image cannot be confirmed now",
    ImageError.IMAGE_SETTING_TEST_TO_ACTIVE_DENIED: "the image that runs cannot be marked for a test",
}


class Command(IntEnum):
    """Commands of the user group."""

    INFO = 0
    ATTEST = 1
    SNAPSHOT = 2
    STATEMENT = 3
    PAGE = 4
    MEMORY = 5
    TRIGGER = 6
    COUNTERS = 7
    CERTIFICATE = 8
    RUN = 9
    ACCELERATOR = 10
    PRECOMMIT = 11
    BOOT = 12
    PROVISION = 13
    LIFECYCLE = 14
    CONFIGURATION = 15
    EVENT = 16
    RECEIPT = 17
    TRUNCATE = 18


class SmpError(IntEnum):
    """SMP's own result codes, as far as the chip uses them."""

    OK = 0
    UNKNOWN = 1
    NO_MEMORY = 2
    INVALID = 3
    NOT_FOUND = 5
    BAD_STATE = 6
    MESSAGE_SIZE = 7
    NOT_SUPPORTED = 8
    CORRUPT = 9
    BUSY = 10


class ChipError(IntEnum):
    """Result codes of the user group, with the sentence that the host prints for each."""

    OK = 0
    MALFORMED = 1
    UNKNOWN_COMMAND = 2
    OUT_OF_RANGE = 3
    MISALIGNED = 4
    TOO_LARGE = 5
    NOT_FOUND = 6
    SUPERSEDED = 7
    LOG_FULL = 8
    BUSY = 9
    NOT_PROVISIONED = 10
    ALREADY_SET = 11
    HARDWARE = 12
    STOPPED = 13
    UNSIGNED = 14
    HELD = 15
    ENTROPY = 16
    RETIRED = 17

    @property
    def explanation(self) -> str:
        """The sentence that the host prints."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    ChipError.OK: "no error",
    ChipError.MALFORMED: "the request is not the CBOR map that this command takes",
    ChipError.UNKNOWN_COMMAND: "the chip does not know this command",
    ChipError.OUT_OF_RANGE: "the address and length do not lie within accelerator memory",
    ChipError.MISALIGNED: "address and length must be multiples of 8 bytes",
    ChipError.TOO_LARGE: "the request asks for, or carries, more than one request may",
    ChipError.NOT_FOUND: "the chip has no such entry",
    ChipError.SUPERSEDED: "the image belongs to a newer snapshot; this one's pages are no longer on the chip",
    ChipError.LOG_FULL: "the chip's log is full: it takes no new work rather than lose evidence",
    ChipError.BUSY: "the chip is still at an earlier request of this kind",
    ChipError.NOT_PROVISIONED: "the chip has no identity yet",
    ChipError.ALREADY_SET: "this can be set once, and has been",
    ChipError.STOPPED: "the accelerator has stopped at a descriptor that it refused; clear the error first",
    ChipError.UNSIGNED: "this is not signed by the key of the chip's configuration, or not meant for this chip now",
    ChipError.HELD: "the accelerator is held until the log server's receipt is checked",
    ChipError.ENTROPY: "the entropy source failed its health tests: the chip signs nothing until it is powered on anew",
    ChipError.RETIRED: "the chip is retired: it takes no more work",
    ChipError.HARDWARE: "an engine on the chip did not finish in time",
}
