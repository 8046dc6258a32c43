"""The running digest over ingest records: formats/records.py."""

from collections.abc import Iterable

from formats.hashing import DIGEST_BYTES, Domain
from formats.records import Record

from .keccak import turboshake128

NO_INPUTS = bytes(DIGEST_BYTES)
"""The digest at boot."""


def folded(inputs: bytes, record: Record) -> bytes:
    """The 32-byte digest after one more completed record."""
    payload_digest = turboshake128(record.payload, Domain.PAYLOAD)
    return turboshake128(inputs + record.header() + payload_digest, Domain.INPUTS)


def inputs_digest(records: Iterable[Record]) -> bytes:
    """The digest over all records since boot, in order."""
    inputs = NO_INPUTS
    for record in records:
        inputs = folded(inputs, record)
    return inputs
