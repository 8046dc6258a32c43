"""The firmware that emulated chips run: what firmware/ builds, built if it is not up to date."""

from dataclasses import dataclass
from pathlib import Path

from host.evidence.hash_keys import read_hss_public

from .verilator import BuildError


@dataclass(frozen=True)
class Firmware:
    """rom: file with the boot ROM's contents. application: the signed image (formats/image.py). key: the HSS public
    key that it is signed with."""

    rom: Path
    application: bytes
    key: bytes


def firmware(config_name: str) -> Firmware:
    """The firmware of a configuration of rtl/config.py. Raises BuildError if it does not build."""
    from firmware.build import build

    try:
        rom = build(config_name)
    except RuntimeError as error:
        raise BuildError(str(error)) from error
    application = (rom.parent / "app.signed.bin").read_bytes()
    return Firmware(rom, application, read_hss_public(rom.parent / "firmware_key.pub"))
