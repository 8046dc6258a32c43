"""The files of an emulated chip: what it keeps when its power is off."""

import os
from pathlib import Path

from formats.configuration import NO_KEY, Configuration, LogMode
from formats.otp import OTP_BYTES, Lifecycle
from rtl.config import CONFIGS

from .firmware import Firmware
from .flash_image import erased_flash, fuses, provisioned_flash
from .identity import Identity


def otp_path(flash: Path) -> Path:
    """Where the fuses of the chip with this flash file are."""
    return flash.with_name(f"{flash.name}.otp")


def make_raw(flash: Path) -> None:
    """Writes the files of a chip that nobody has provisioned. Raises OSError."""
    _write(flash, erased_flash(), bytes(OTP_BYTES))


def make_provisioned(
    flash: Path,
    config: str,
    identity: Identity,
    firmware: Firmware,
    lifecycle: Lifecycle = Lifecycle.DEVELOPMENT,
    log_mode: LogMode = LogMode.FLASH,
    verifier_key: bytes = NO_KEY,
) -> None:
    """Writes the files of a chip before its first boot: `identity` fused in, `firmware` installed, the log empty.

    config: name in rtl/config.py. lifecycle: not RAW. log_mode, verifier_key: as of formats.configuration.
    Raises ValueError for what flash_image and Configuration refuse, and OSError.
    """
    configuration = Configuration(firmware.key, verifier_key, log_mode)
    contents = provisioned_flash(firmware.application, configuration, CONFIGS[config].flash_offset)
    _write(flash, contents, fuses(identity, configuration, lifecycle))


def read_identity(flash: Path) -> Identity | None:
    """The identity in a chip's fuses, or None if it has none yet, or the file has another size. Raises OSError."""
    content = otp_path(flash).read_bytes()
    return Identity.from_fuses(content) if len(content) == OTP_BYTES else None


def _write(flash: Path, contents: bytes, fuse_bytes: bytes) -> None:
    """The fuses first: a chip is there when its flash is."""
    for path, data in ((otp_path(flash), fuse_bytes), (flash, contents)):
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_bytes(data)
        unfinished.rename(path)
