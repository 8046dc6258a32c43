"""What a Verifier signs for a chip: receipts and truncation approvals, as byte templates read from their CDDL.

Both are COSE_Sign1 with HSS-LMS (RFC 8778). Every claim has one encoded length, so that firmware compares a payload
with the one that it expects.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .lms import COSE_ALGORITHM
from .statement import cbor_bytes, cbor_head, cbor_key

PROTECTED = b"\xa1\x01" + cbor_head(1, -1 - COSE_ALGORITHM)
"""Serialised protected header: {1: -46}."""

SIGN1_PREFIX = b"\xd2\x84" + cbor_bytes(PROTECTED) + b"\xa0"
"""What stands before the payload's byte string in the COSE_Sign1."""

SIG_STRUCTURE_PREFIX = b"\x84\x6aSignature1" + cbor_bytes(PROTECTED) + cbor_bytes(b"")
"""What stands before the payload's byte string in the Sig_structure (RFC 9052 4.4)."""


@dataclass(frozen=True)
class Template:
    """payload: with zeros in every slot. slots: name -> (offset, bytes)."""

    payload: bytes
    slots: dict[str, tuple[int, int]]

    def fill(self, **values: bytes) -> bytes:
        """The payload with these values. Raises ValueError unless each slot gets as many bytes as it has."""
        if set(values) != set(self.slots):
            raise ValueError(f"the slots are {sorted(self.slots)}, not {sorted(values)}")
        result = bytearray(self.payload)
        for name, value in values.items():
            offset, size = self.slots[name]
            if len(value) != size:
                raise ValueError(f"{name} has {size} bytes, not {len(value)}")
            result[offset : offset + size] = value
        return bytes(result)


_CLAIM = re.compile(r"^\s+(?P<key>-?\d+) => (?:bstr \.size (?P<size>\d+)|\"(?P<text>[^\"]*)\"),\s*; (?P<name>\w+)")


@cache
def template(kind: str) -> Template:
    """The payload of `receipt` or `approval`.

    Raises ValueError when a claim of the CDDL is not understood, or the keys are not in the order of RFC 8949 4.2.1.
    """
    text = files(__package__).joinpath(f"{kind}.cddl").read_text()
    lines = text.split(f"{kind}-claims = {{\n", 1)[1].split("\n}", 1)[0].splitlines()
    payload, slots, keys = bytearray(cbor_head(5, len(lines))), {}, []
    for line in lines:
        match = _CLAIM.match(line)
        if not match:
            raise ValueError(f"{kind}.cddl: not a claim: {line.strip()!r}")
        keys.append(cbor_key(int(match["key"])))
        payload += keys[-1]
        if match["text"] is not None:
            payload += cbor_head(3, len(match["text"])) + match["text"].encode()
        else:
            size = int(match["size"])
            payload += cbor_head(2, size)
            slots[match["name"]] = (len(payload), size)
            payload += bytes(size)
    if keys != sorted(set(keys)):
        raise ValueError(f"{kind}.cddl: the claims are out of order (RFC 8949 4.2.1)")
    return Template(bytes(payload), slots)
