"""Who an emulated chip is."""

from dataclasses import dataclass

from Crypto.Hash import SHAKE256

CHIP_ID_BYTES = 16
KEY_SEED_BYTES = 32


@dataclass(frozen=True)
class Identity:
    """What is fused into a chip: its id, and its Ed25519 seed (RFC 8032 5.1.5)."""

    chip_id: bytes
    key_seed: bytes

    def __bytes__(self) -> bytes:
        """What the chip's provisioning port takes."""
        return self.chip_id + self.key_seed


def development_identity(seed: int) -> Identity:
    """The identity of the emulated chip `seed` (below 2**64): SHAKE256 of a label and the seed.

    For development alone: whoever knows the seed knows the key.
    """
    shake = SHAKE256.new(b"livetrap development identity" + seed.to_bytes(8, "little"))
    return Identity(shake.read(CHIP_ID_BYTES), shake.read(KEY_SEED_BYTES))
