"""Bitstreams to try: by the real packers, and made here from their documentation."""

import binascii
import subprocess
import sys
from pathlib import Path

PREAMBLE = b"\xff\xff\xbd\xb3"
ECP5_FRAMES = {"12F": 7562, "25F": 7562, "45F": 9470, "85F": 13294}
ECP5_IDCODES = {"LFE5U-12F": 0x21111043, "LFE5U-25F": 0x41111043, "LFE5U-45F": 0x41112043, "LFE5U-85F": 0x41113043}
ICE40_BANKS = {"1k": [(332, 144)] * 4, "5k": [(692, 336)] * 2 + [(692, 176)] * 2, "8k": [(872, 272)] * 4}
BUILD_ID = "0123456789abcdef"


def pack_ecp5(device: str, directory: Path, *options: str) -> bytes:
    """What ecppack makes of an empty design."""
    (directory / "empty.config").write_text(
        f".device {device}\n\n.comment livetrap {BUILD_ID}\n\n.comment Part: {device}-6CABGA381\n\n"
    )
    return _packed("yowasp-ecppack", directory, *options, "empty.config", "empty.bit")


def pack_ice40(device: str, directory: Path) -> bytes:
    """What icepack makes of an empty design."""
    (directory / "empty.asc").write_text(f".comment\nlivetrap {BUILD_ID}\n.device {device}\n.io_tile 1 0\n")
    return _packed("yowasp-icepack", directory, "empty.asc", "empty.bin")


def _packed(tool: str, directory: Path, *arguments: str) -> bytes:
    program = Path(sys.executable).parent / tool
    subprocess.run([program, *arguments], cwd=directory, check=True, timeout=120)
    return (directory / arguments[-1]).read_bytes()


def command(number: int, operand: int = 0, payload: bytes = b"") -> bytes:
    """One ECP5 command."""
    return bytes([number]) + operand.to_bytes(3, "big") + payload


def ecp5(
    device: str = "LFE5U-25F",
    *,
    idcode: int | None = None,
    frames: int | None = None,
    comments: tuple[str, ...] | None = None,
    before: bytes = b"",
    preamble: bytes = b"\xff" + PREAMBLE,
    frame_command: int = 0xB8,
    data: bytes = bytes(5000),
) -> bytes:
    """A bitstream with everything up to its frames, which are only said to be there."""
    said = (f"livetrap {BUILD_ID}", f"Part: {device}-6CABGA381") if comments is None else comments
    head = b"\xff\x00" + b"".join(text.encode() + b"\0" for text in said) + preamble
    code = ECP5_IDCODES[device] if idcode is None else idcode
    count = ECP5_FRAMES[device[-3:]] if frames is None else frames
    commands = b"\xff" * 4 + before + command(0x3B) + command(0xE2, 0, code.to_bytes(4, "big"))
    commands += command(0x22, 0, bytes(4)) + command(0x46) + command(0x02, 0, bytes(8))
    return head + commands + command(frame_command, 0x910000 | count) + data


def ice40(
    device: str = "8k",
    *,
    banks: list[tuple[int, int]] | None = None,
    comments: tuple[str, ...] = (f"livetrap {BUILD_ID}",),
    tail: bytes = b"\x01\x06\x00",
    fill: int = 0,
) -> bytes:
    """A whole bitstream, with a right CRC."""
    head = b"\xff\x00" + b"".join(text.encode() + b"\0" for text in comments) + b"\x00\xff\x7e\xaa\x99\x7e\x51\x00"
    body = b"\x92\x00\x20"
    for number, (width, height) in enumerate(ICE40_BANKS[device] if banks is None else banks):
        body += b"\x62" + (width - 1).to_bytes(2, "big") + b"\x72" + height.to_bytes(2, "big") + b"\x82\x00\x00"
        body += bytes([0x11, number, 0x01, 0x01]) + bytes([fill]) * (width * height // 8) + b"\0\0"
    body += b"\x22"
    return head + b"\x01\x05" + body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big") + tail
