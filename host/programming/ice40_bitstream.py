"""Which iCE40 a bitstream is for: the size of the configuration memory banks that it fills.

    FF 00 ‖ comments, each with a zero byte ‖ 00 FF ‖ 7E AA 99 7E ‖ commands

A command's first byte is its number and the length of its payload, four bits each. There is no device number. The
file is read to its end, and its CRC is checked. (Project IceStorm, "The Bitstream File Format".)
"""

import binascii
from typing import NamedTuple

from .byte_reader import BitstreamError, ByteReader

COMMENT = b"\xff\x00"
SYNC = bytes.fromhex("7eaa997e")
MAX_COMMENTS = 64
MAX_HEAD_BYTES = 4096
"""Within which the synchronisation word must come."""

SPECIAL, BANK, CRC, FREQUENCY, WIDTH, HEIGHT, OFFSET, FLAGS = 0x0, 0x1, 0x2, 0x5, 0x6, 0x7, 0x8, 0x9
LENGTHS = {SPECIAL: 1, BANK: 1, CRC: 2, FREQUENCY: 1, WIDTH: 2, HEIGHT: 2, OFFSET: 2, FLAGS: 2}
"""Numbers of commands, and the bytes of payload that each must have."""

CRAM_DATA, BRAM_DATA, CRC_RESET, WAKE_UP = 1, 3, 5, 6
"""Payloads of SPECIAL. Behind the data of a bank come two zero bytes."""

CRC_START = 0xFFFF

DEVICES = {
    frozenset({(182, 80)}): "384",
    frozenset({(332, 144)}): "1k",
    frozenset({(692, 336), (692, 176)}): "5k",
    frozenset({(872, 272)}): "8k",
}
"""By width and height, in bits, of the banks of configuration memory. The 4k has the 8k's silicon."""


class Ice40Identity(NamedTuple):
    """device: "384", "1k", "5k" or "8k". comments: as they stand in the file."""

    device: str
    comments: tuple[str, ...]


def identify(data: bytes) -> Ice40Identity:
    """Which device a bitstream file is for.

    Raises BitstreamError when it is damaged or contradicts itself, or when no known device has such banks.
    """
    reader = ByteReader(data)
    comments = _comments(reader)
    reader.expect(SYNC, "the synchronisation word")
    banks = frozenset(_banks(reader, data))
    if banks not in DEVICES:
        raise BitstreamError("no known iCE40 has banks of " + (_text(banks) or "no size"))
    return Ice40Identity(DEVICES[banks], comments)


def _text(banks: frozenset[tuple[int, int]]) -> str:
    return ", ".join(f"{width} x {height}" for width, height in sorted(banks))


def _comments(reader: ByteReader) -> tuple[str, ...]:
    """The comments; the reader is left behind their end."""
    reader.expect(COMMENT, "the begin of the comments")
    found: list[str] = []
    while comment := reader.text("a comment"):
        if len(found) == MAX_COMMENTS:
            raise BitstreamError(f"more than {MAX_COMMENTS} comments")
        found.append(comment)
    reader.expect(b"\xff", "the end of the comments")
    return tuple(found)


def _banks(reader: ByteReader, data: bytes) -> set[tuple[int, int]]:
    """Width and height of each bank of configuration memory, of the commands up to the wake-up."""
    settings = {WIDTH: 0, HEIGHT: 0}
    banks: set[tuple[int, int]] = set()
    covered: int | None = None
    """Where what the CRC is over begins."""
    checked = False
    while True:
        at = reader.at
        head = reader.number(1, "the commands")
        command, size = head >> 4, head & 0xF
        if LENGTHS.get(command) != size:
            raise BitstreamError(f"byte {at}: {head:#04x} is no command")
        payload = reader.number(size, "a command")
        if command in settings:
            settings[command] = payload + (command == WIDTH)
        elif command == CRC:
            if covered is None or binascii.crc_hqx(data[covered : reader.at], CRC_START):
                raise BitstreamError(f"byte {at}: the CRC is wrong: the bitstream is damaged")
            covered, checked = None, True
        elif command == SPECIAL and payload == CRC_RESET:
            covered = reader.at
        elif command == SPECIAL and payload in (CRAM_DATA, BRAM_DATA):
            bits = settings[WIDTH] * settings[HEIGHT]
            if not bits or bits % 8:
                raise BitstreamError(f"byte {at}: data for a bank of {settings[WIDTH]} x {settings[HEIGHT]} bits")
            reader.take(bits // 8, "a bank")
            reader.expect(b"\0\0", "the end of a bank")
            if payload == CRAM_DATA:
                banks.add((settings[WIDTH], settings[HEIGHT]))
        elif command == SPECIAL and payload == WAKE_UP:
            break
        elif command == SPECIAL:
            raise BitstreamError(f"byte {at}: {payload:#04x} is no special command")
    if not checked:
        raise BitstreamError("the bitstream wakes the device up without a CRC")
    if any(reader.take(len(data) - reader.at, "the end")):
        raise BitstreamError("something follows the wake-up")
    return banks
