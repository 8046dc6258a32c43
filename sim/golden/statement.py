"""Statements as the chip makes them: the template of formats/statement.cddl filled, signed and chained."""

from collections.abc import Mapping

from formats.hashing import Domain
from formats.statement import SIGNATURE_BYTES, layout

from . import ed25519
from .keccak import turboshake128


def payload(values: Mapping[str, int | bytes]) -> bytes:
    """The payload with every slot filled.

    values: by claim name; integers go into byte strings big-endian, enumerations as they are. Raises ValueError
    when a claim with a slot is missing, another is there, or a value does not have its slot's size.
    """
    slots = [claim for claim in layout().claims if claim.text is None]
    if {claim.name for claim in slots} != set(values):
        raise ValueError(f"the claims are {[claim.name for claim in slots]}, not {sorted(values)}")
    result = bytearray(layout().payload)
    for claim in slots:
        value = values[claim.name]
        if isinstance(value, int):
            if not 0 <= value < 1 << 8 * claim.size or (claim.enumerated and value >= 24):
                raise ValueError(f"{claim.name} = {value} does not fit its slot")
            value = value.to_bytes(claim.size, "big")
        if len(value) != claim.size:
            raise ValueError(f"{claim.name} has {claim.size} bytes, not {len(value)}")
        result[claim.offset : claim.offset + claim.size] = value
    return bytes(result)


def sig_structure(payload: bytes) -> bytes:
    """The bytes that are signed (RFC 9052 4.4)."""
    return layout().sig_structure_prefix + payload


def assemble(payload: bytes, signature: bytes) -> bytes:
    """The COSE_Sign1 of a payload and its 64-byte signature."""
    return layout().statement_prefix + payload + bytes([0x58, SIGNATURE_BYTES]) + signature


def encode(values: Mapping[str, int | bytes], seed: bytes) -> bytes:
    """The COSE_Sign1 over `values` under the Ed25519 key of `seed`. Raises ValueError as `payload` does."""
    body = payload(values)
    return assemble(body, ed25519.sign(seed, sig_structure(body)))


def chained(chain: bytes, statement: bytes) -> bytes:
    """The running digest after one more statement: TurboSHAKE128(chain ‖ COSE_Sign1, D=CHAIN), 32 bytes."""
    return turboshake128(chain + statement, Domain.CHAIN)
