"""A session with the chip that uses all of it: what the emulator is optimised for."""

import base64
import binascii
from pathlib import Path

import cbor2

from formats.descriptor import Descriptor, Flag, Opcode, Operand
from formats.link import CHUNK_BYTES, LINE_BYTES, USER_GROUP, Command

READ, WRITE = 0, 2
TRAINING_CYCLES = 3_000_000


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


PROGRAM = 16 * 1024
"""Where the session's program lies; below it are its operands."""


def _program() -> bytes:
    """A training step in small: a batch is gathered, goes through a layer, its loss, and back into the weights."""
    batch, table, output, masters, copy = (Operand(2048 * number, 32) for number in range(1, 6))
    store = Descriptor(
        Opcode.GEMM, 32, 32, 32, shift=7, flags=Flag.ADD | Flag.RELU, a=batch, b=table, c=output, d=Operand(0, 0)
    )
    descriptors = [
        Descriptor(Opcode.GATHER, 1, 32, 30, 32, Flag.NIBBLES, a=Operand(1, 17), b=Operand(1024), c=batch),
        store,
        Descriptor(Opcode.LOSS, 32, 10, shift=3, a=output, b=Operand(0, 8), c=output, d=Operand(1536)),
        Descriptor(
            Opcode.GEMM, 32, 32, 32, shift=7, flags=Flag.UPDATE | Flag.TRANSPOSE_A | Flag.MARK,
            a=batch, b=output, c=copy, d=Operand(masters.address, 64),
        ),
    ]  # fmt: skip
    return b"".join(descriptor.encode() for descriptor in descriptors)


def write_script(path: Path) -> None:
    """Writes the session as a script for the emulator: loads, runs, snapshots meanwhile, statements, reads."""
    chunk = bytes(range(256)) * (CHUNK_BYTES // 256)
    loads = [(WRITE, Command.MEMORY, {"addr": CHUNK_BYTES * index, "data": chunk}) for index in range(6)]
    run = {"addr": PROGRAM, "count": 4, "iterations": 25, "open": 0, "end": 0}
    requests = [
        *loads[:3],
        (WRITE, Command.MEMORY, {"addr": PROGRAM, "data": _program()}),
        (WRITE, Command.RUN, run),
        (WRITE, Command.SNAPSHOT, {}),
        *loads[3:],
        (WRITE, Command.ATTEST, {"nonce": bytes([1] * 32)}),
        (READ, Command.STATEMENT, {"seq": 1}),
        (READ, Command.PAGE, {"seq": 1, "off": 0, "len": CHUNK_BYTES}),
        (READ, Command.COUNTERS, {}),
    ]
    frames = (_request(sequence, *request[:2], **request[2]) for sequence, request in enumerate(requests))
    path.write_text("".join(f"0 {frame.hex()}\n" for frame in frames))
