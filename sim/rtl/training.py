"""A session with the chip that uses all of it: what the emulator is optimised for."""

import base64
import binascii
from pathlib import Path

import cbor2

from formats.link import CHUNK_BYTES, LINE_BYTES, USER_GROUP, Command

READ, WRITE = 0, 2
TRAINING_CYCLES = 750_000


def _request(sequence: int, operation: int, command: Command, **body: object) -> bytes:
    """An SMP request (version 2 header) in the serial encoding of formats.link."""
    payload = cbor2.dumps(body)
    packet = bytes([1 << 3 | operation, 0]) + len(payload).to_bytes(2, "big") + USER_GROUP.to_bytes(2, "big")
    packet += bytes([sequence, command]) + payload
    checksum = binascii.crc_hqx(packet, 0)
    text = base64.b64encode((len(packet) + 2).to_bytes(2, "big") + packet + checksum.to_bytes(2, "big"))
    room = (LINE_BYTES - 3) // 4 * 4
    lines = [text[at : at + room] for at in range(0, len(text), room)]
    return b"".join((b"\x04\x14" if index else b"\x06\x09") + line + b"\n" for index, line in enumerate(lines))


def write_script(path: Path) -> None:
    """Writes the session as a script for the emulator: loads, snapshots while loading, statements, reads."""
    chunk = bytes(range(256)) * (CHUNK_BYTES // 256)
    loads = [(WRITE, Command.MEMORY, {"addr": CHUNK_BYTES * index, "data": chunk}) for index in range(6)]
    requests = [
        *loads[:3],
        (WRITE, Command.SNAPSHOT, {}),
        *loads[3:],
        (WRITE, Command.ATTEST, {"nonce": bytes(32)}),
        (READ, Command.STATEMENT, {"seq": 1}),
        (READ, Command.PAGE, {"seq": 1, "off": 0, "len": CHUNK_BYTES}),
        (READ, Command.COUNTERS, {}),
    ]
    frames = (_request(sequence, *request[:2], **request[2]) for sequence, request in enumerate(requests))
    path.write_text("".join(f"0 {frame.hex()}\n" for frame in frames))
