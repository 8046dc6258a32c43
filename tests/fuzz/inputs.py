"""Inputs for the parsers: valid ones, and mutations of them. All from one random.Random, so that a seed repeats a
run."""

import hashlib
import random
from collections.abc import Callable, Sequence

import cbor2

from formats.countersignature import PROTECTED, SIGN1_PREFIX, template
from formats.image import HEADER_BYTES, PROTECTED_BYTES
from formats.lms import lms_signature_bytes
from formats.statement import cbor_bytes
from host.firmware.image import Image, Version, pack
from host.link.frame import encode

INTERESTING = (0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers at which arithmetic turns."""


def mutate(source: random.Random, data: bytes, others: Sequence[bytes] = (b"",)) -> bytes:
    """`data` after one to eight changes; some take a part of one of the others."""
    result = bytearray(data)
    for _ in range(1 << source.randrange(4)):
        at = source.randrange(len(result) + 1)
        end = min(len(result), at + 1 + source.randrange(1 << source.randrange(1, 8)))
        choice = source.randrange(9)
        if choice == 0 and result:
            result[at % len(result)] ^= 1 << source.randrange(8)
        elif choice == 1 and result:
            result[at % len(result)] = source.randrange(256)
        elif choice == 2:
            del result[at:end]
        elif choice == 3:
            result[at:at] = source.randbytes(1 + source.randrange(8))
        elif choice == 4:
            result[at:at] = result[at:end]
        elif choice == 5:
            number = source.choice(INTERESTING).to_bytes(4, source.choice(("little", "big")))
            size = source.choice((1, 2, 4))
            result[at : at + size] = number[:size]
        elif choice == 6:
            other = source.choice(others)
            start = source.randrange(len(other) + 1)
            result[at:end] = other[start : start + end - at]
        elif choice == 7:
            del result[at:]
        else:
            result[at:end] = bytes(end - at) if source.randrange(2) else b"\xff" * (end - at)
    return bytes(result[: 1 << 17])


def frames(source: random.Random) -> bytes:
    """Bytes on the link: packets, whole or mutated, with text between."""
    packets = [source.randbytes(source.choice((8, 9, 91, 92, 93, 300, 2000))) for _ in range(3)]
    lines = [line + b"\n" for packet in packets for line in encode(packet).splitlines()]
    text = (b"console text\n", b"\x06\x09", b"\x04\x14", b"\n", b"=", b"\x06", b"AAAA", b"A===\n")
    for _ in range(source.randrange(4)):
        lines.insert(source.randrange(len(lines) + 1), source.choice(text))
    stream = b"".join(lines)
    return mutate(source, stream, [encode(packets[0])]) if source.randrange(4) else stream


def _number(source: random.Random) -> object:
    return source.choice(INTERESTING)


def _bytes(source: random.Random) -> object:
    return source.randbytes(source.choice((0, 8, 32, 32, 32, 33)))


_OTHERS: Sequence[Callable[[random.Random], object]] = (
    _number,
    _bytes,
    lambda source: "text",
    lambda source: -1,
    lambda source: [1, {2: b"x"}, [[]]],
    lambda source: True,
)

NUMBERS = ("id", "seq", "off", "len", "addr", "rate", "count", "iterations", "open", "end", "state", "index", "slot")
STRINGS = ("nonce", "data", "digest", "sha", "hash")
OTHERS = ("d", "image", "upgrade", "confirm", "\N{GREEK SMALL LETTER ALPHA}", "")
"""Keys of all commands by the type that they take, and two of none."""


def request(source: random.Random) -> bytes:
    """The body of a request: mostly with values of the right types."""
    body: dict[str, object] = {}
    for _ in range(source.randrange(7)):
        key = source.choice(NUMBERS + STRINGS + OTHERS)
        fitting = _number if key in NUMBERS else _bytes if key in STRINGS else source.choice(_OTHERS)
        body[key] = (fitting if source.randrange(8) else source.choice(_OTHERS))(source)
    encoded = cbor2.dumps(body)
    return mutate(source, encoded) if source.randrange(2) else encoded


def image_file(source: random.Random, map_hash: int) -> bytes:
    """A firmware image that is signed with nonsense; also its file cut short, extended, or mutated."""
    body = source.randbytes(4 * source.randrange(1, 200))
    unsigned = pack(body, 0x10000000, Version(1, 2, source.randrange(99)), source.randrange(6), map_hash)
    signature = source.randbytes(source.choice((0, 52, 4 + lms_signature_bytes(10), 4 + lms_signature_bytes(5))))
    if len(signature) > 52:
        signature = b"\0\0\0\0" + source.randbytes(4) + b"\0\0\0\x0f" + signature[12:]
    signed = Image(body, 0x10000000, Version(1), 3, map_hash, signature).encode()
    image = source.choice((signed, signed, unsigned))
    return mutate(source, image) if source.randrange(4) else image


STATE_READ, STATE_WRITE, UPLOAD, ERASE = range(4)
"""The commands of the image group, as target.c numbers them."""


def _image_command(source: random.Random, command: int, body: dict[str, object]) -> bytes:
    encoded = cbor2.dumps(body)
    return bytes([command]) + (encoded if source.randrange(8) else mutate(source, encoded))


def upload(source: random.Random, image: bytes, at: int) -> bytes:
    """The upload of a part of an image: the command's number, and its body."""
    body: dict[str, object] = {"off": at, "data": image[at : at + 512]}
    if at == 0 or not source.randrange(16):
        length = len(image) if source.randrange(16) else source.choice(INTERESTING)
        body |= {"len": length, "sha": hashlib.sha256(image).digest(), "image": 0}
    return _image_command(source, UPLOAD, body)


def image_request(source: random.Random, image: bytes) -> bytes:
    """Any other command of the image group; some name the image by its hash."""
    measured = HEADER_BYTES + int.from_bytes(image[12:16], "little") % (1 << 17) + PROTECTED_BYTES
    name = hashlib.sha256(image[:measured]).digest()
    bodies: tuple[tuple[int, dict[str, object]], ...] = (
        (STATE_WRITE, {"hash": name, "confirm": False}),
        (STATE_WRITE, {"hash": name}),
        (STATE_WRITE, {"hash": source.randbytes(32), "confirm": True}),
        (STATE_WRITE, {"confirm": True}),
        (ERASE, {"slot": 1}),
        (ERASE, {}),
        (STATE_READ, {}),
    )
    return _image_command(source, *source.choice(bodies))


def countersigned(source: random.Random) -> bytes:
    """A truncation approval, signed with nonsense."""
    payload = template("approval").fill(ueid=b"\x01" + bytes(16), seq=bytes(8), chain=source.randbytes(32))
    signature = source.randbytes(4 + lms_signature_bytes(10))
    head = b"\0\0\0\0" + source.randbytes(4) + b"\0\0\0\x0f"
    signature = head + signature[12:] if source.randrange(2) else signature
    data = SIGN1_PREFIX + cbor_bytes(payload) + cbor_bytes(signature)
    assert PROTECTED in data
    return mutate(source, data) if source.randrange(4) else data
