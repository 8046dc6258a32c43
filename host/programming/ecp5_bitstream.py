"""Which ECP5 a bitstream is for: its VERIFY_ID command, its number of frames and its comment, all three.

    FF 00 ‖ comments, each with a zero byte ‖ FF FF BD B3 ‖ commands

A command is one byte, three operand bytes and a payload; FF is no command. A comment names the part. (Lattice
TN-02039, "ECP5 and ECP5-5G sysCONFIG Usage Guide"; Project Trellis, "Bitstream Format".)
"""

from typing import NamedTuple

from .byte_reader import BitstreamError, ByteReader

COMMENT = b"\xff\x00"
PREAMBLE = b"\xff\xff\xbd\xb3"
ENCRYPTED = (b"\xff\xff\xbf\xb3", b"\xff\xff\xbe\xb3")
PART = "Part: "
MAX_COMMENTS = 64

NO_OPERATION = 0xFF
VERIFY_ID = 0xE2
PAYLOADS = {
    0x3B: ("LSC_RESET_CRC", 0),
    0x79: ("SPI_MODE", 0),
    0x7E: ("JUMP", 4),
    0x22: ("LSC_PROG_CNTRL0", 4),
    0x46: ("LSC_INIT_ADDRESS", 0),
    0x02: ("LSC_WRITE_COMP_DIC", 8),
    VERIFY_ID: ("VERIFY_ID", 4),
}
"""What may come before the frames: name, and bytes of payload behind the operand."""

FRAMES = {0x82: "LSC_PROG_INCR_RTI", 0xB8: "LSC_PROG_INCR_CMP"}
"""What begins the frames, plain or compressed; the low 16 bits of the operand are their number."""

MAX_COMMANDS = 64


class Density(NamedTuple):
    """One size of the family. frames: of its configuration memory."""

    name: str
    frames: int


DENSITIES = {0x1111: Density("25F", 7562), 0x1112: Density("45F", 9470), 0x1113: Density("85F", 13294)}
"""By the four hexadecimal digits of an IDCODE behind that of the variant."""

VARIANTS = {0x0: "LFE5UM-", 0x2: "LFE5U-", 0x4: "LFE5U-", 0x8: "LFE5UM5G-"}
"""By the first hexadecimal digit of an IDCODE. 2 is the LFE5U-12F, which has the silicon of a 25F."""

MAKER = 0x043
"""The last three hexadecimal digits of every IDCODE: Lattice."""


class Ecp5Identity(NamedTuple):
    """device: such as "LFE5U-85F". idcode: what the device must answer. comments: as they stand in the file."""

    device: str
    idcode: int
    comments: tuple[str, ...]


def device_of(idcode: int) -> str | None:
    """The device with this IDCODE, or None."""
    variant, density = VARIANTS.get(idcode >> 28), DENSITIES.get(idcode >> 12 & 0xFFFF)
    if variant is None or density is None or idcode & 0xFFF != MAKER:
        return None
    if idcode >> 28 == 2:
        return "LFE5U-12F" if density.name == "25F" else None
    return variant + density.name


def identify(data: bytes) -> Ecp5Identity:
    """Which device a bitstream file is for.

    Raises BitstreamError when it is encrypted, has no or an unknown IDCODE, or contradicts itself.
    """
    reader = ByteReader(data)
    comments = _comments(reader)
    _preamble(reader)
    idcode, frames = _commands(reader)
    device = device_of(idcode)
    if device is None:
        raise BitstreamError(f"VERIFY_ID asks for {idcode:#010x}, which is no known ECP5")
    expected = DENSITIES[idcode >> 12 & 0xFFFF].frames
    if frames != expected:
        raise BitstreamError(f"VERIFY_ID is that of an {device}, which has {expected} frames, but {frames} follow")
    part = next((comment[len(PART) :] for comment in comments if comment.startswith(PART)), "")
    if part and not part.startswith(device):
        raise BitstreamError(f"VERIFY_ID is that of an {device}, but the comment says {part}")
    return Ecp5Identity(device, idcode, tuple(comments))


def _comments(reader: ByteReader) -> list[str]:
    """The comments; the reader is left behind the byte FF that follows them."""
    reader.expect(COMMENT, "the begin of the comments")
    found: list[str] = []
    while reader.number(1, "the comments") != 0xFF:
        reader.at -= 1
        if len(found) == MAX_COMMENTS:
            raise BitstreamError(f"more than {MAX_COMMENTS} comments")
        found.append(reader.text("a comment"))
    return found


def _preamble(reader: ByteReader) -> None:
    """Takes it. In some files a byte FF ends the comments, in others they end with the preamble's first."""
    word = reader.take(len(PREAMBLE), "the preamble")
    if word not in (PREAMBLE, *ENCRYPTED):
        reader.at -= len(PREAMBLE) + 1
        word = reader.take(len(PREAMBLE), "the preamble")
    if word in ENCRYPTED:
        raise BitstreamError("the bitstream is encrypted: its device cannot be read from it")
    if word != PREAMBLE:
        raise BitstreamError(
            f"byte {reader.at - len(PREAMBLE)}: the preamble is {PREAMBLE.hex()}, found {word.hex()}"
        )


def _commands(reader: ByteReader) -> tuple[int, int]:
    """IDCODE and number of frames, of the commands up to the frames."""
    idcode = None
    for _ in range(MAX_COMMANDS):
        at = reader.at
        command = reader.number(1, "the commands")
        if command == NO_OPERATION:
            continue
        operand = reader.number(3, "a command's operand")
        if command in FRAMES:
            if idcode is None:
                raise BitstreamError(f"byte {at}: {FRAMES[command]} comes before any VERIFY_ID: no device is named")
            return idcode, operand & 0xFFFF
        if command not in PAYLOADS:
            raise BitstreamError(f"byte {at}: {command:#04x} is no command that comes before the frames")
        name, size = PAYLOADS[command]
        payload = reader.number(size, name)
        if command == VERIFY_ID:
            if idcode is not None:
                raise BitstreamError(f"byte {at}: a second VERIFY_ID")
            idcode = payload
    raise BitstreamError(f"no frames within {MAX_COMMANDS} commands")
