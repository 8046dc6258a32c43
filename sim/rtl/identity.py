"""Who an emulated chip is."""

from dataclasses import dataclass
from typing import Self

from Crypto.Hash import SHAKE256

from formats.otp import CHIP_ID_BYTES, CHIP_ID_OFFSET, LIFECYCLE_OFFSET, SEED_BYTES, SEED_OFFSET


@dataclass(frozen=True)
class Identity:
    """What is fused into a chip: its id, and its Ed25519 seed (RFC 8032 5.1.5)."""

    chip_id: bytes
    key_seed: bytes

    @classmethod
    def from_fuses(cls, fuses: bytes) -> Self | None:
        """The identity in the OTP_BYTES bytes of formats/otp.py; None while the lifecycle is RAW."""
        if not fuses[LIFECYCLE_OFFSET]:
            return None
        chip_id = fuses[CHIP_ID_OFFSET : CHIP_ID_OFFSET + CHIP_ID_BYTES]
        return cls(chip_id, fuses[SEED_OFFSET : SEED_OFFSET + SEED_BYTES])


def development_identity(seed: int) -> Identity:
    """The identity of the emulated chip `seed` (below 2**64): SHAKE256 of a label and the seed.

    For development alone: whoever knows the seed knows the key.
    """
    shake = SHAKE256.new(b"livetrap development identity" + seed.to_bytes(8, "little"))
    return Identity(shake.read(CHIP_ID_BYTES), shake.read(SEED_BYTES))
