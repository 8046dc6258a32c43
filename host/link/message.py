"""SMP messages: the 8-byte header and one CBOR map."""

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import cbor2

from formats.link import IMAGE_GROUP, OS_GROUP, USER_GROUP, ChipError, ImageError, SmpError
from host.errors import LinkError, LivetrapError

HEADER = struct.Struct(">BBHHBB")
"""version and operation, flags, length of the map, group, sequence number, command."""

VERSION = 1
"""SMP version 2, as the header writes it: errors are {"err": {"group": g, "rc": n}}."""

MAX_DEPTH = 8


class Operation(IntEnum):
    """SMP's operations: requests are even, each response is one more than its request."""

    READ = 0
    READ_RESPONSE = 1
    WRITE = 2
    WRITE_RESPONSE = 3


@dataclass(frozen=True)
class Message:
    """One request or response. sequence: 0-255, the same in a request and its response."""

    operation: Operation
    group: int
    command: int
    sequence: int
    body: Mapping[str, object] = field(default_factory=dict)
    version: int = VERSION

    def pack(self) -> bytes:
        """The packet: header, then the body as a CBOR map."""
        body = cbor2.dumps(dict(self.body))
        first = self.version << 3 | self.operation
        return HEADER.pack(first, 0, len(body), self.group, self.sequence, self.command) + body

    def answers(self, request: "Message") -> bool:
        """True when this has the header of the response to `request`."""
        return (self.operation, self.group, self.command, self.sequence) == (
            request.operation + 1,
            request.group,
            request.command,
            request.sequence,
        )


def unpack(packet: bytes) -> Message:
    """The message in a packet. Raises LinkError when it is not a header and one map of that length."""
    if len(packet) < HEADER.size:
        raise LinkError(f"the chip sent an SMP packet of {len(packet)} bytes, shorter than its header")
    first, _, length, group, sequence, command = HEADER.unpack_from(packet)
    if length != len(packet) - HEADER.size:
        raise LinkError(f"the chip sent {len(packet) - HEADER.size} bytes behind an SMP header that says {length}")
    if first & 7 > Operation.WRITE_RESPONSE:
        raise LinkError(f"the chip sent the unknown SMP operation {first & 7}")
    stream = io.BytesIO(packet[HEADER.size :])
    try:
        body = cbor2.CBORDecoder(stream, allow_duplicate_keys=False, max_depth=MAX_DEPTH, read_size=1).decode()
    except (cbor2.CBORError, ValueError, OverflowError) as error:
        raise LinkError(f"the chip sent a message that is not CBOR: {' '.join(str(error).split())}") from error
    if not isinstance(body, dict) or not all(isinstance(key, str) for key in body) or stream.read(1):
        raise LinkError("the chip sent a message that is not one CBOR map with names as keys")
    return Message(Operation(first & 7), group, command, sequence, body, first >> 3 & 3)


class ChipRefusal(LivetrapError):
    """The chip answered with an error. group and code are the answer's; `error` is set for the user group."""

    def __init__(self, group: int, code: int) -> None:
        self.group = group
        self.code = code
        self.error = ChipError(code) if group == USER_GROUP and code in {int(error) for error in ChipError} else None
        super().__init__(f"the chip refuses: {self._reason()}")

    def _reason(self) -> str:
        if self.error is not None:
            return self.error.explanation
        if self.group == OS_GROUP and self.code in {int(error) for error in SmpError}:
            return f"SMP error {self.code} ({SmpError(self.code).name.lower().replace('_', ' ')})"
        if self.group == IMAGE_GROUP and self.code in {int(error) for error in ImageError}:
            return ImageError(self.code).explanation
        return f"error {self.code} of SMP group {self.group}"


def raise_refusal(response: Message) -> None:
    """Raises ChipRefusal when a response says that its request was refused (SMP version 2, or version 1)."""
    error = response.body.get("err")
    if isinstance(error, dict):
        group, code = error.get("group"), error.get("rc")
        if isinstance(group, int) and isinstance(code, int) and code:
            raise ChipRefusal(group, code)
    code = response.body.get("rc")
    if isinstance(code, int) and code:
        raise ChipRefusal(OS_GROUP, code)
