"""`livetrap firmware sign`."""

import json
import struct
from pathlib import Path

import rich_click as click

from formats.image import MAGIC
from host import hss
from host.errors import EvidenceError
from host.firmware import image as images
from host.firmware.image import Image, Version

from .firmware_info import describe
from .options import EXISTING_FILE, FILE, as_number, json_option
from .output import print_json, print_pairs

REFERENCE_SUFFIX = ".measurement.json"
"""Of the reference value beside a signed image."""


def as_version(value: str) -> Version:
    """MAJOR.MINOR.REVISION, with .BUILD or without. Raises BadParameter for others, or parts beyond their fields."""
    parts = value.split(".")
    numbers = [int(part) if part.isascii() and part.isdecimal() and len(part) <= 10 else -1 for part in parts]
    limits = (0xFF, 0xFF, 0xFFFF, 0xFFFFFFFF)
    if len(parts) not in (3, 4) or not all(0 <= n <= limit for n, limit in zip(numbers, limits, strict=False)):
        raise click.BadParameter(f"{value!r} is not a version: MAJOR.MINOR.REVISION or MAJOR.MINOR.REVISION.BUILD")
    return Version(*numbers)


def as_word(value: str | int) -> int:
    """An unsigned number of at most 32 bits. Raises BadParameter otherwise."""
    number = as_number(value)
    if number >= 1 << 32:
        raise click.BadParameter(f"{value!r} is not an unsigned number of at most 32 bits")
    return number


def unsigned(
    contents: bytes, load_address: int | None, version: Version | None, fields: dict[str, int | None]
) -> bytes:
    """What is to be signed: an image, or one made of a body and the fields that it then needs, all or none of them.

    Raises UsageError when a body comes without them or an image with them, and FieldError as host.firmware.image.
    """
    given = [load_address, version, *fields.values()]
    if contents[:4] == struct.pack("<I", MAGIC):
        if any(value is not None for value in given):
            raise click.UsageError("the file is an image already: its version, load address and map are in it")
        return contents
    security_version, map_hash = fields["security_version"], fields["map_hash"]
    if load_address is None or version is None or security_version is None or map_hash is None:
        raise click.UsageError(
            "the file is no image: a body needs --image-version, --security-version, --load-address and --map"
        )
    return images.pack(contents, load_address, version, security_version, map_hash)


def write(path: Path, image: Image) -> Path:
    """Writes an image, and its reference value beside it; returns the latter's path. Raises EvidenceError."""
    reference = path.with_name(path.name + REFERENCE_SUFFIX)
    values = {"measurement": image.measurement.hex(), "security_version": image.security_version}
    try:
        path.write_bytes(image.encode())
        reference.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise EvidenceError(f"{error.filename or path}: {error.strerror or error}") from error
    return reference


@click.command()
@click.argument("body_or_image", type=EXISTING_FILE)
@click.option("--key", "key_file", type=EXISTING_FILE, required=True, help="The maker's private HSS key.")
@click.option("--output", "-o", type=FILE, required=True, help="The signed image.")
@click.option("--image-version", type=as_version, metavar="X.Y.Z", help="Of an image made of a body.")
@click.option("--security-version", type=as_word, metavar="N", help="Likewise; what chips' fuses can demand.")
@click.option("--load-address", type=as_word, metavar="ADDRESS", help="Likewise; of the chip's SRAM.")
@click.option("--map", "map_hash", type=as_word, metavar="HASH", help="Likewise; of the chip's register map.")
@json_option
def sign(
    body_or_image: Path,
    key_file: Path,
    output: Path,
    image_version: Version | None,
    security_version: int | None,
    load_address: int | None,
    map_hash: int | None,
    as_json: bool,
) -> None:
    """Sign firmware with an HSS key: an image as the build makes it, or a body that is made one.

    A signature that an image has already is replaced. Beside the signed image its reference value is written, for
    Verifiers. Each signature uses up one of the key's.

    \b
    Examples:
      livetrap firmware sign app.unsigned.bin --key firmware-key -o app.signed
      livetrap firmware sign app.bin --key firmware-key -o app.signed --image-version 1.2.0 \\
          --security-version 3 --load-address 0x10000000 --map 0x1f2e3d4c
    """
    try:
        contents = body_or_image.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{body_or_image}: {error.strerror or error}") from error
    fields = {"security_version": security_version, "map_hash": map_hash}
    to_sign = unsigned(contents, load_address, image_version, fields)
    images.parse(to_sign)
    with hss.open_key(key_file) as key:
        signed = images.parse(images.sign(to_sign, key.sign))
        remaining = key.remaining
    reference = write(output, signed)
    if as_json:
        print_json({**describe(signed), "image": str(output), "reference": str(reference), "remaining": remaining})
    else:
        print_pairs({**describe(signed), "image": output, "reference value": reference, "signatures left": remaining})
