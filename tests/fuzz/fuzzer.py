"""Feeds inputs to the firmware's parsers, built with sanitizers, and to the host's, and holds them together."""

import fcntl
import hashlib
import random
import struct
import subprocess
from functools import cache
from pathlib import Path

import cbor2

from boards.flow.family import Family
from firmware.build import BUILD, FIRMWARE, header_constants
from formats.image import HEADER, HEADER_BYTES, PROTECTED_BYTES, TLV_INFO
from host.errors import LivetrapError
from host.firmware import image as host_image
from host.link.frame import Decoder, encode
from host.programming.bitstream_identity import identify
from host.programming.byte_reader import BitstreamError
from host.programming.ecp5_bitstream import device_of
from rtl.config import CONFIGS
from rtl.generate import write_headers
from tests.firmware.host_build import COMPILER, without_bodies
from tests.programming.bitstreams import ecp5, ice40

from . import inputs

HERE = Path(__file__).parent
CONFIG = CONFIGS["test"]
LIBRARY = (
    "base64", "cbor_map", "cbor_reader", "cbor_writer", "configuration", "crc16", "crc32", "frame_receiver",
    "image_commands", "lms", "slots", "smp", "upload", "utf8",
)  # fmt: skip
APPLICATION = ("countersignature", "request")


PLAIN_TAGS = {tag: lambda item, _: item for tag in (*range(1024), 43000, 55799)}
"""So that the independent reader asks of a tagged item no more than that it is well-formed (RFC 8949 5.3.1)."""


@cache
def target() -> Path:
    """Builds the program of target.c unless it is there already; returns it."""
    directory = BUILD / "fuzz"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_headers(CONFIG, directory)
        header = directory / "livetrap_csr.h"
        header.write_text(without_bodies(header.read_text()))
        sources = [FIRMWARE / "lib" / f"{name}.c" for name in LIBRARY]
        sources += [FIRMWARE / "app" / f"{name}.c" for name in APPLICATION]
        files = [*sources, HERE / "target.c", *FIRMWARE.rglob("*.h"), *directory.glob("*.h")]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()
        program, stamp = directory / "target", directory / "inputs.sha256"
        if not (program.exists() and stamp.exists() and stamp.read_text() == digest):
            includes = [f"-I{folder}" for folder in (directory, FIRMWARE / "lib", FIRMWARE / "app")]
            command = [*COMPILER, *includes, *map(str, sources), str(HERE / "target.c"), "-o", str(program)]
            subprocess.run(command, check=True)
            stamp.write_text(digest)
    return program


class Target:
    """The running program; a context manager. map_hash: of the chip that its firmware is for."""

    def __enter__(self) -> "Target":
        program = target()
        self.map_hash = header_constants((program.parent / "livetrap_csr.h").read_text())["MAP_HASH"]
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        assert self._process.wait(timeout=20) == 0, "the sanitizer's report is on stderr"
        self._process.stdout.close()

    def parse(self, parser: str, data: bytes) -> bytes:
        """What a parser says of the input. AssertionError with the input in hex if the program died of it."""
        self._process.stdin.write(parser.encode() + struct.pack("<I", len(data)) + data)
        self._process.stdin.flush()
        head = self._process.stdout.read(4)
        assert len(head) == 4, f"parser {parser} died of {data.hex()}"
        return self._process.stdout.read(int.from_bytes(head, "little"))


def packets_of(answer: bytes) -> list[tuple[bool, bytes]]:
    """(oversized, packet) of what the firmware's frame receiver found."""
    found, at = [], 0
    while at < len(answer):
        oversized, size = struct.unpack_from("<II", answer, at)
        found.append((bool(oversized), answer[at + 8 : at + 8 + size]))
        at += 8 + size
    return found


def check_frames(fuzzed: Target, source: random.Random) -> None:
    """Whatever came before, a whole frame on a line of its own is received, by the chip and by the host."""
    last = source.randbytes(source.choice((8, 100, 1000)))
    stream = inputs.frames(source) + b"\n" + encode(last)
    found = packets_of(fuzzed.parse("F", stream))
    assert found and found[-1] == (False, last), stream.hex()
    decoder, received, at = Decoder(), [], 0
    while at < len(stream):
        size = 1 + source.randrange(200)
        received += decoder.feed(stream[at : at + size])
        at += size
    assert received and received[-1] == last, stream.hex()


def check_request(fuzzed: Target, source: random.Random) -> None:
    """What the firmware accepts as a request is a CBOR map to an independent reader too, with all keys different."""
    body = inputs.request(source)
    (accepted,) = struct.unpack_from("<I", fuzzed.parse("R", body))
    if accepted:
        read = cbor2.loads(body, semantic_decoders=PLAIN_TAGS)
        assert isinstance(read, dict) and all(isinstance(key, str) for key in read), body.hex()


def end_of_image(data: bytes) -> int:
    """Where the file of a signed image ends, by its own lengths."""
    body_bytes = HEADER.unpack_from(data)[4]
    at = HEADER_BYTES + body_bytes + PROTECTED_BYTES
    return at + TLV_INFO.unpack_from(data, at)[1]


def check_image(fuzzed: Target, source: random.Random, map_hash: int) -> None:
    """What the host takes as a signed image has the form of one for the firmware too."""
    data = inputs.image_file(source, map_hash)
    (error,) = struct.unpack_from("<I", fuzzed.parse("I", data))
    slot = data.ljust(host_image.MAX_IMAGE_BYTES, b"\xff")
    try:
        parsed = host_image.parse(slot[: end_of_image(slot)])
        is_image = parsed.signature is not None
    except (LivetrapError, struct.error):
        is_image = False
    # The host does not hash: a SHA256 TLV of other bytes is a form to ROM, and no image to the host.
    assert not is_image or error == 0, data.hex()


def check_image_command(fuzzed: Target, source: random.Random, map_hash: int) -> None:
    """An upload, part by part, and what may be asked of it then; the other slot keeps what came before."""
    image, at = inputs.image_file(source, map_hash), 0
    for _ in range(len(image) // 512 + 1):
        answer = fuzzed.parse("G", inputs.upload(source, image, at))
        if answer[:4] != bytes(4) or len(answer) == 4:
            break
        after = cbor2.loads(answer[4:])["off"]
        assert 0 <= after <= host_image.MAX_IMAGE_BYTES
        at = after if source.randrange(16) else source.randrange(len(image) + 1)
    for _ in range(3):
        answer = fuzzed.parse("G", inputs.image_request(source, image))
        if answer[:4] == bytes(4) and len(answer) > 4:
            assert isinstance(cbor2.loads(answer[4:]), dict)


def check_countersignature(fuzzed: Target, source: random.Random) -> None:
    """No nonsense is a signature."""
    answer = fuzzed.parse("C", inputs.countersigned(source))
    assert answer[4:] in (b"", bytes(4))


IDCODES = [variant << 28 | density << 12 | 0x043 for variant in (0, 2, 4, 8) for density in (0x1111, 0x1112, 0x1113)]
BITSTREAMS = (ecp5(data=b""), ecp5("LFE5U-85F", comments=(), data=b""), ice40("1k", banks=[(16, 8)]))


def check_bitstream(source: random.Random) -> None:
    """No input upsets the parsers, and what is taken for an ECP5's names its IDCODE."""
    data = inputs.mutate(source, source.choice(BITSTREAMS), BITSTREAMS)
    try:
        found = identify(data)
    except BitstreamError as error:
        assert "\n" not in str(error), data.hex()
        return
    idcodes = [code for code in IDCODES if device_of(code) == found.device]
    assert found.family is Family.ICE40 or any(code.to_bytes(4, "big") in data for code in idcodes), data.hex()


def run(fuzzed: Target, source: random.Random, rounds: int) -> None:
    """So many rounds, each with inputs for all parsers."""
    for _ in range(rounds):
        map_hash = fuzzed.map_hash if source.randrange(4) else source.getrandbits(32)
        check_frames(fuzzed, source)
        check_request(fuzzed, source)
        check_image(fuzzed, source, map_hash)
        check_image_command(fuzzed, source, map_hash)
        check_countersignature(fuzzed, source)
        check_bitstream(source)
