"""SMP's serial encoding: packets as lines of base64 that may share the line with console text.

A packet travels as u16 length ‖ packet ‖ CRC-16/XMODEM, both big-endian; the length counts packet and CRC. The
whole is base64, cut into lines that begin with 06 09 (first) or 04 14 (further) and end with a newline.
"""

import binascii
from collections.abc import Iterator

from formats.link import LINE_BYTES, PACKET_BYTES

FIRST, FURTHER = b"\x06\x09", b"\x04\x14"
NEWLINE = b"\n"
LINE_PAYLOAD = (LINE_BYTES - len(FIRST) - len(NEWLINE)) // 4 * 3
"""Bytes before base64 that fit on one line."""

LINE_BOUND = 4 * LINE_BYTES
"""A longer line cannot be a frame's, whatever is on it."""


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected."""
    return binascii.crc_hqx(data, 0)


def encode(packet: bytes) -> bytes:
    """The lines that carry a packet. Raises ValueError when it is longer than PACKET_BYTES."""
    if len(packet) > PACKET_BYTES:
        raise ValueError(f"a packet has at most {PACKET_BYTES} bytes, not {len(packet)}")
    body = (len(packet) + 2).to_bytes(2, "big") + packet + crc16(packet).to_bytes(2, "big")
    lines = bytearray()
    for start in range(0, len(body), LINE_PAYLOAD):
        lines += FURTHER if start else FIRST
        lines += binascii.b2a_base64(body[start : start + LINE_PAYLOAD], newline=False) + NEWLINE
    return bytes(lines)


class Decoder:
    """Takes a byte stream in pieces of any size and finds the packets in it.

    A garbled, truncated or oversized frame is dropped (`garbled` counts them) and the next frame's first line
    starts afresh. Everything else is console text, kept in `console` up to CONSOLE_BOUND bytes, the newest.
    Memory is bounded whatever arrives.
    """

    CONSOLE_BOUND = 65536

    def __init__(self, packet_bound: int = PACKET_BYTES) -> None:
        self._packet_bound = packet_bound
        self._line = bytearray()
        self._frame: bytearray | None = None
        self.console = bytearray()
        self.garbled = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that `data` completes, in order."""
        for byte in data:
            self._line.append(byte)
            if byte == NEWLINE[0]:
                line = bytes(self._line)
                self._line.clear()
                packet = self._take(line)
                if packet is not None:
                    yield packet
            elif len(self._line) > LINE_BOUND:
                self._text(bytes(self._line))
                self._line.clear()

    def _take(self, line: bytes) -> bytes | None:
        at = max(line.rfind(FIRST), line.rfind(FURTHER))
        if at < 0:
            self._text(line)
            return None
        self._text(line[:at])
        first, encoded = line[at : at + 2] == FIRST, line[at + 2 :].rstrip(b"\r\n")
        if first:
            self._drop()
            self._frame = bytearray()
        if self._frame is None:
            self.garbled += 1
            return None
        try:
            self._frame += binascii.a2b_base64(encoded, strict_mode=True)
        except binascii.Error:
            self._drop()
            return None
        return self._completed()

    def _completed(self) -> bytes | None:
        frame = self._frame
        if frame is None or len(frame) < 2:
            return None
        length = int.from_bytes(frame[:2], "big")
        if length < 2 or length > self._packet_bound + 2 or len(frame) > length + 2:
            self._drop()
            return None
        if len(frame) < length + 2:
            return None
        packet, crc = bytes(frame[2:-2]), int.from_bytes(frame[-2:], "big")
        if crc16(packet) != crc:
            self._drop()
            return None
        self._frame = None
        return packet

    def _drop(self) -> None:
        if self._frame is not None:
            self.garbled += 1
            self._frame = None

    def _text(self, text: bytes) -> None:
        self.console += text
        del self.console[: -self.CONSOLE_BOUND]
