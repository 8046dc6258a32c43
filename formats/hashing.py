"""Hash parameters: one domain byte for each use of TurboSHAKE128 (RFC 9861), and the sizes around them."""

from enum import IntEnum

DIGEST_BYTES = 32
"""Bytes of every TurboSHAKE128 output in the project."""

TURBOSHAKE128_RATE_BYTES = 168
SHAKE256_RATE_BYTES = 136
SHAKE256_DOMAIN = 0x1F
"""Domain and first padding bits of SHAKE256 (FIPS 202 6.2) as one byte."""

PAGE_BYTES = 4096
"""Bytes in a page of the snapshot region, the unit of the Merkle tree's leaves."""

WORD_BYTES = 8
"""Bytes in a word of accelerator memory; byte 0 is the least significant."""

TICK_CYCLES_LOG2 = 6
"""A tick is 2**6 clock cycles: the unit of `ticks` and of the random trigger's trials."""


class Domain(IntEnum):
    """TurboSHAKE128 domain separation byte D (RFC 9861 section 2.2) for each use."""

    LEAF = 0x01
    """A page of the snapshot region."""
    NODE = 0x02
    """left ‖ right digests of a Merkle tree node."""
    PAYLOAD = 0x03
    """The bytes of one ingest record."""
    INPUTS = 0x04
    """inputs ‖ record header ‖ payload digest."""
    CHAIN = 0x05
    """chain ‖ statement (the whole COSE_Sign1)."""
    MEASUREMENT = 0x06
    """A firmware image."""
    TRANSCRIPT = 0x07
    """A file of a training transcript."""
    CONFIGURATION = 0x08
    """A chip's configuration."""
    APPROVAL = 0x09
    """A truncation approval, as the truncate statement's digest names it."""
    EVENT = 0x0A
    """An event's record, as the error statement's digest names it."""
