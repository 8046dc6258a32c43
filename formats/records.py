"""Ingest records: everything that enters accelerator memory, and the header that is hashed with it.

A record is (kind, address, payload). The chip keeps a running digest over completed records, zeros at boot:

    inputs' = TurboSHAKE128(inputs ‖ header ‖ TurboSHAKE128(payload, D=PAYLOAD), D=INPUTS)
    header  = u32 kind ‖ u32 payload bytes ‖ u64 address, little-endian
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from .descriptor import RUN_BYTES
from .hashing import WORD_BYTES

HEADER = struct.Struct("<IIQ")


class RecordKind(IntEnum):
    """What an ingest record does."""

    WRITE = 1
    """Payload bytes go to accelerator memory at `address`."""
    TRIGGER_RATE = 2
    """Payload is one u64: the random trigger fires with probability payload / 2**64 at each tick. Address 0."""
    RUN = 3
    """Payload is a formats.descriptor.Run: the accelerator executes descriptors from `address`. The run begins when
    the record is completed; the record waits until the run before is over."""


@dataclass(frozen=True)
class Record:
    """One ingest record. Address and payload length are multiples of 8; the payload is not empty."""

    kind: RecordKind
    address: int
    payload: bytes

    def __post_init__(self) -> None:
        if not self.payload or len(self.payload) % WORD_BYTES or self.address % WORD_BYTES:
            raise ValueError(
                f"record at {self.address:#x} with {len(self.payload)} bytes: "
                f"address and length must be multiples of {WORD_BYTES}, and the payload not empty"
            )
        if self.kind is RecordKind.TRIGGER_RATE and (self.address or len(self.payload) != WORD_BYTES):
            raise ValueError("a trigger rate record has address 0 and a payload of 8 bytes")
        if self.kind is RecordKind.RUN and len(self.payload) != RUN_BYTES:
            raise ValueError(f"a run record has a payload of {RUN_BYTES} bytes")

    def header(self) -> bytes:
        """The bytes before the payload: kind, length of the payload, address."""
        return HEADER.pack(self.kind, len(self.payload), self.address)
