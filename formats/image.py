"""A firmware image: MCUboot's container, so that any SMP client can carry it, with our digest and signature.

    header (32) ‖ body ‖ protected TLVs (20) ‖ TLVs

The header is MCUboot's: magic, load address, header size 32, size of the protected TLVs, size of the body, flags 0,
version (u8 major, u8 minor, u16 revision, u32 build), u32 0. Every image has the same TLVs in the same order, and ROM
refuses any other: protected SEC_CNT (the security version) and MAP (the register map that it was built for); then
SHA256 of header ‖ body ‖ protected TLVs, for SMP clients, and SIGNATURE.

The measurement is TurboSHAKE128(header ‖ body ‖ protected TLVs, D=MEASUREMENT). The signature is HSS (formats/lms.py)
over SIGNED_LABEL ‖ measurement. The body has a multiple of 4 bytes, is loaded to the load address and entered there.
"""

import struct
from enum import IntEnum

HEADER = struct.Struct("<IIHHIIBBHII")
HEADER_BYTES = HEADER.size
MAGIC = 0x96F3B83D
TLV_INFO = struct.Struct("<HH")
"""Magic and bytes of a TLV area, these 4 included; also type and bytes of a TLV, without them."""

PROTECTED_MAGIC = 0x6908
TLV_MAGIC = 0x6907
PROTECTED_BYTES = 4 + (4 + 4) + (4 + 4)

SIGNED_LABEL = b"livetrap firmware image\x01"

MAX_BODY_BYTES = 40 * 1024
"""ROM keeps its own variables in SRAM behind this."""


class Tlv(IntEnum):
    """Types of TLVs; MCUboot leaves xxA0 to xxFE to vendors."""

    SHA256 = 0x10
    SECURITY_VERSION = 0x50
    MAP = 0xA0
    SIGNATURE = 0xA1
