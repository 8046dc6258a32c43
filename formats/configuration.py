"""A chip's configuration: whom it obeys, and how its log is kept. Fixed at provisioning by its digest in the fuses.

    "LTCONF01" ‖ u32 log mode ‖ firmware key (52) ‖ verifier key (52) ‖ u32 0        little-endian, 120 bytes

Both keys are HSS public keys (formats/lms.py). The digest, TurboSHAKE128 with D=CONFIGURATION, is in every statement.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from .lms import HSS_KEY_BYTES

MAGIC = b"LTCONF01"
_LAYOUT = struct.Struct(f"<8sI{HSS_KEY_BYTES}s{HSS_KEY_BYTES}sI")
CONFIGURATION_RECORD_BYTES = _LAYOUT.size
LOG_MODE_OFFSET = 8
FIRMWARE_KEY_OFFSET = 12
VERIFIER_KEY_OFFSET = FIRMWARE_KEY_OFFSET + HSS_KEY_BYTES
NO_KEY = bytes(HSS_KEY_BYTES)


class LogMode(IntEnum):
    """Paper 1.4, "What is stored where"."""

    FLASH = 0
    """(a): statements are kept in flash until they are pulled."""
    SERVER = 1
    """(b) too: after each snapshot the accelerator is held until the log server's receipt is checked."""


@dataclass(frozen=True)
class Configuration:
    """firmware_key: signs firmware images. verifier_key: signs truncation approvals and log server receipts; NO_KEY
    if there is none, and then nothing is truncated. ValueError for keys of another size, or SERVER without a key."""

    firmware_key: bytes
    verifier_key: bytes = NO_KEY
    log_mode: LogMode = LogMode.FLASH

    def __post_init__(self) -> None:
        if len(self.firmware_key) != HSS_KEY_BYTES or len(self.verifier_key) != HSS_KEY_BYTES:
            raise ValueError(f"an HSS public key has {HSS_KEY_BYTES} bytes")
        if self.log_mode is LogMode.SERVER and self.verifier_key == NO_KEY:
            raise ValueError("a log server needs the key that its receipts are checked with")

    def encode(self) -> bytes:
        """The 120 bytes."""
        return _LAYOUT.pack(MAGIC, self.log_mode, self.firmware_key, self.verifier_key, 0)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The configuration in 120 bytes. Raises ValueError for anything that `encode` does not make."""
        if len(data) != _LAYOUT.size:
            raise ValueError(f"a configuration has {_LAYOUT.size} bytes, not {len(data)}")
        magic, mode, firmware_key, verifier_key, last = _LAYOUT.unpack(data)
        if magic != MAGIC or last:
            raise ValueError("not a configuration")
        return cls(firmware_key, verifier_key, LogMode(mode))
