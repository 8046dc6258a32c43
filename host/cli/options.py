"""Options that several commands share."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from formats.hashing import DIGEST_BYTES
from host.device import Device
from host.link.exchange import DEFAULT_TIMEOUT
from host.link.serial_port import DEFAULT_BAUD

Command = TypeVar("Command", bound=Callable[..., Any])


def as_nonce(value: str) -> bytes:
    """An inspector's challenge. Raises BadParameter unless it is 64 hexadecimal digits, not all zero."""
    try:
        parsed = bytes.fromhex(value)
    except ValueError:
        parsed = b""
    if len(parsed) != DIGEST_BYTES or not any(parsed):
        raise click.BadParameter(f"{value!r} is not a nonce: {2 * DIGEST_BYTES} hexadecimal digits, not all zero")
    return parsed


def as_number(value: str | int) -> int:
    """An unsigned number of at most 64 bits, as Python writes it: 4096, 0x1000. Raises BadParameter otherwise."""
    try:
        parsed = value if isinstance(value, int) else int(value, 0)
    except ValueError:
        parsed = -1
    if not 0 <= parsed < 1 << 64:
        raise click.BadParameter(f"{value!r} is not an unsigned number of at most 64 bits")
    return parsed


def as_page(value: str) -> tuple[int | None, int]:
    """A page as N, or SEQ:N of the snapshot in statement SEQ. Raises BadParameter otherwise."""
    seq, colon, index = value.rpartition(":")
    if not _is_number(index) or (colon and not _is_number(seq)):
        raise click.BadParameter(f"{value!r} is not a page: N, or SEQ:N for the snapshot in statement SEQ")
    return int(seq) if colon else None, int(index)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20


FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def chip_options(command: Command) -> Command:
    """--port, --baud and --timeout, handed on under these names."""
    for option in (
        click.option(
            "--timeout",
            type=click.FloatRange(0.1, 3600),
            default=DEFAULT_TIMEOUT,
            show_default=True,
            metavar="SECONDS",
            help="Bound for each request to the chip, retries included.",
        ),
        click.option(
            "--baud",
            "-b",
            type=click.IntRange(300),
            default=DEFAULT_BAUD,
            show_default=True,
            envvar="LIVETRAP_BAUD",
            show_envvar=True,
            help="Of a serial port.",
        ),
        click.option(
            "--port",
            "-p",
            envvar="LIVETRAP_PORT",
            show_envvar=True,
            help="A serial device, a pty, tcp://HOST:PORT, or `sim`.",
        ),
    ):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

record_option = click.option(
    "--record", type=FILE, help="Note what is loaded in this file, for the Verifier; it is continued if it exists."
)


def open_device(port: str | None, baud: int, timeout: float, record: Path | None = None) -> Device:
    """The chip at the port that the user named. Raises UsageError when none was."""
    if not port:
        raise click.UsageError("no port: give --port or set LIVETRAP_PORT ('livetrap ports' lists serial ports)")
    return Device.open(port, baud, timeout, record)


def fresh_nonce() -> bytes:
    """32 random bytes from the operating system, for an inspector's challenge."""
    return secrets.token_bytes(DIGEST_BYTES)
