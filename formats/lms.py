"""The one HSS/LMS parameter set of the project (RFC 8554, SP 800-208): SHAKE256/192, Winternitz 4, at most two
levels.

Firmware images, log server receipts and truncation approvals are signed with it. Any tree height is verified.
"""

HASH_BYTES = 24
"""n of LM-OTS and m of LMS."""

LMOTS_SHAKE_N24_W4 = 0x0000000F
"""SP 800-208 table 7."""

WINTERNITZ = 4
CHAINS = 51
"""p: Winternitz chains in a one-time signature."""

CHECKSUM_SHIFT = 4
"""ls."""

LMS_SHAKE_M24_HEIGHTS = {0x14: 5, 0x15: 10, 0x16: 15, 0x17: 20, 0x18: 25}
"""LMS type -> height (SP 800-208 table 8)."""

IDENTIFIER_BYTES = 16
MAX_LEVELS = 2

LMS_KEY_BYTES = 4 + 4 + IDENTIFIER_BYTES + HASH_BYTES
HSS_KEY_BYTES = 4 + LMS_KEY_BYTES
"""u32 levels ‖ u32 LMS type ‖ u32 LM-OTS type ‖ I ‖ T[1]: 52 bytes (RFC 8554 section 6)."""

LMOTS_SIGNATURE_BYTES = 4 + HASH_BYTES + CHAINS * HASH_BYTES


def lms_signature_bytes(height: int) -> int:
    """Bytes of an LMS signature in a tree of this height."""
    return 4 + LMOTS_SIGNATURE_BYTES + 4 + height * HASH_BYTES


MAX_HSS_SIGNATURE_BYTES = 4 + MAX_LEVELS * lms_signature_bytes(10) + LMS_KEY_BYTES
"""Two levels of height 10: the largest signature that goes over the link. 3052 bytes."""

COSE_ALGORITHM = -46
"""HSS-LMS (RFC 8778)."""
