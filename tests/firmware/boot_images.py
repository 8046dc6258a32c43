"""Signed images, and chips that boot them, for the tests of the boot ROM."""

import tempfile
from functools import cache
from pathlib import Path

from firmware.build import header_constants
from formats.configuration import NO_KEY, Configuration, LogMode
from formats.flash import JOURNAL_MAGIC, JOURNAL_OFFSET, JournalRecord, Trailer
from formats.otp import CONFIGURATION_OFFSET, FLOOR_BYTES, FLOOR_OFFSET, Lifecycle
from host import hss
from host.firmware import image
from sim.rtl.flash_image import fuses, record, sector_header
from sim.rtl.identity import development_identity
from tests.firmware.unicorn_chip import SRAM_BASE, UnicornChip, build_rom

BODY = bytes(range(256))
MAKER, HEIGHT = "maker", 10
"""Whom the chips trust, and the height of keys of one level. Those of two have trees of height 5."""

CONFIRMED = (Trailer.CONFIRMED,)
PENDING = (Trailer.PENDING,)
TRIED = (Trailer.PENDING, Trailer.TRIED)


class Maker:
    """Who signs firmware: an HSS key of `levels` trees."""

    def __init__(self, levels: int, height: int):
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "key"
        hss.save(path, hss.generate(levels, height))
        self._key = hss.Signer(path)
        self.public_key, self.sign = self._key.public_key, self._key.sign


_makers: dict[tuple[str, int], Maker] = {}


def maker(name: str = MAKER, levels: int = 1) -> Maker:
    """A maker of this name; the same one every time."""
    if (name, levels) not in _makers:
        _makers[name, levels] = Maker(levels, HEIGHT if levels == 1 else 5)
    return _makers[name, levels]


@cache
def map_hash() -> int:
    """Of the test configuration's register map."""
    return header_constants((build_rom().headers / "livetrap_csr.h").read_text())["MAP_HASH"]


FIRST = image.Version(1)


@cache
def unsigned(
    version: image.Version = FIRST,
    security_version: int = 1,
    body: bytes = BODY,
    load_address: int = SRAM_BASE,
    map_of: int | None = None,
) -> bytes:
    """An image for the modelled chip, or for one with another register map."""
    return image.pack(body, load_address, version, security_version, map_hash() if map_of is None else map_of)


@cache
def signed(contents: bytes, by: str = MAKER, levels: int = 1) -> bytes:
    """An unsigned image, signed."""
    return image.sign(contents, maker(by, levels).sign)


def good(**fields) -> bytes:
    """An image that boots, with `unsigned`'s arguments."""
    return signed(unsigned(**fields))


def provision(
    chip: UnicornChip,
    floor: int = 0,
    lifecycle: Lifecycle = Lifecycle.DEVELOPMENT,
    firmware_key: bytes | None = None,
    log_mode: LogMode = LogMode.FLASH,
    verifier_key: bytes = NO_KEY,
) -> None:
    """Burns fuses and writes the configuration that trusts `maker()`, or another firmware key."""
    trusted = maker().public_key if firmware_key is None else firmware_key
    configuration = Configuration(trusted, verifier_key, log_mode)
    chip.fuses[:] = fuses(development_identity(1), configuration, lifecycle)
    chip.fuses[FLOOR_OFFSET : FLOOR_OFFSET + FLOOR_BYTES] = ((1 << floor) - 1).to_bytes(FLOOR_BYTES, "little")
    put_configuration(chip, configuration.encode())


def put_configuration(chip: UnicornChip, contents: bytes) -> None:
    """A journal with this configuration alone."""
    journal = sector_header(JOURNAL_MAGIC, 1) + record(JournalRecord.CONFIGURATION, contents)
    chip.flash[JOURNAL_OFFSET : JOURNAL_OFFSET + len(journal)] = journal


def fused_configuration(chip: UnicornChip) -> bytes:
    """The digest in the fuses."""
    return bytes(chip.fuses[CONFIGURATION_OFFSET : CONFIGURATION_OFFSET + 32])


def chip_with(
    slot_a: bytes | None, flags_a=CONFIRMED, slot_b: bytes | None = None, flags_b=CONFIRMED, **how
) -> UnicornChip:
    """A provisioned chip with images in its slots, before its first boot. how: `provision`'s arguments."""
    chip = UnicornChip(build_rom())
    provision(chip, **how)
    if slot_a is not None:
        chip.put_image(0, slot_a, *flags_a)
    if slot_b is not None:
        chip.put_image(1, slot_b, *flags_b)
    return chip
