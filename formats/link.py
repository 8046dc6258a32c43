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

LINE_BYTES = 127
"""Bytes in a line of the serial encoding, delimiter and newline included."""

PACKET_BYTES = 2048
"""Largest SMP packet, header included, that the chip takes or sends."""

CHUNK_BYTES = 1024
"""Most bytes of memory that one MEMORY or PAGE request moves."""

CERTIFICATE_BYTES = 1024
"""Largest certificate that the chip keeps."""


class OsCommand(IntEnum):
    """Commands of SMP's OS group that the chip knows."""

    ECHO = 0
    RESET = 5
    PARAMETERS = 6


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
    ChipError.HARDWARE: "an engine on the chip did not finish in time",
}
