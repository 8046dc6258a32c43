"""One-time programmable memory: what is fused into a chip. Bits start at 0 and can only become 1.

| bytes  | holds                                                                          |
|--------|--------------------------------------------------------------------------------|
| 0      | lifecycle: one more bit for each state, from bit 0 (Lifecycle.fuses)             |
| 8-15   | security floor: one more bit for each version, from bit 0 of byte 8               |
| 16-31  | chip id                                                                          |
| 32-63  | Ed25519 key seed (RFC 8032 5.1.5), which nothing but the key vault ever receives |
| 64-95  | digest of the configuration (formats/configuration.py)                           |

All other bytes stay 0. Bytes 16-95 can be burnt only while the lifecycle is RAW, and the seed only by the hardware's
own key generation. The lifecycle and the security floor can be raised at any time, never lowered.
"""

from enum import IntEnum

OTP_BYTES = 128
LIFECYCLE_OFFSET = 0
FLOOR_OFFSET, FLOOR_BYTES = 8, 8
CHIP_ID_OFFSET, CHIP_ID_BYTES = 16, 16
SEED_OFFSET, SEED_BYTES = 32, 32
CONFIGURATION_OFFSET, CONFIGURATION_BYTES = 64, 32

MAX_SECURITY_FLOOR = 8 * FLOOR_BYTES
"""Highest security version that the fuses can demand."""


class Lifecycle(IntEnum):
    """States of a chip's life, passed in this order only. All but RAW appear in statements."""

    RAW = 0
    """No identity: nothing but ROM's recovery mode runs."""
    DEVELOPMENT = 1
    PRODUCTION = 2
    RETIRED = 3
    """Takes no more work; still shows its evidence."""

    @property
    def fuses(self) -> int:
        """The lifecycle byte: 0, 1, 3 or 7. Of another value, hardware goes by the highest bit that is set."""
        return (1 << self) - 1


def image(
    lifecycle: Lifecycle, chip_id: bytes, key_seed: bytes, configuration: bytes, security_floor: int = 0
) -> bytes:
    """The OTP_BYTES bytes of a chip that was provisioned so.

    chip_id: 16 bytes. key_seed: 32 bytes. configuration: the 32-byte digest. Raises ValueError for other sizes, and
    for a floor that the fuses cannot hold.
    """
    if (len(chip_id), len(key_seed), len(configuration)) != (CHIP_ID_BYTES, SEED_BYTES, CONFIGURATION_BYTES):
        raise ValueError("a chip id has 16 bytes, a key seed 32 and a configuration's digest 32")
    if not 0 <= security_floor <= MAX_SECURITY_FLOOR:
        raise ValueError(f"the security floor is {security_floor}, not 0 to {MAX_SECURITY_FLOOR}")
    fuses = bytearray(OTP_BYTES)
    fuses[LIFECYCLE_OFFSET] = lifecycle.fuses
    fuses[FLOOR_OFFSET : FLOOR_OFFSET + FLOOR_BYTES] = ((1 << security_floor) - 1).to_bytes(FLOOR_BYTES, "little")
    fuses[CHIP_ID_OFFSET : CHIP_ID_OFFSET + CHIP_ID_BYTES] = chip_id
    fuses[SEED_OFFSET : SEED_OFFSET + SEED_BYTES] = key_seed
    fuses[CONFIGURATION_OFFSET : CONFIGURATION_OFFSET + CONFIGURATION_BYTES] = configuration
    return bytes(fuses)
