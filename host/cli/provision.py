"""`livetrap provision`."""

import secrets
from pathlib import Path

import rich_click as click

from formats.configuration import NO_KEY, Configuration, LogMode
from formats.otp import CHIP_ID_BYTES, Lifecycle
from host.errors import LivetrapError
from host.evidence.hash_keys import read_hss_public

from .info import show_boot
from .options import EXISTING_FILE, chip_options, json_option, open_device
from .output import complain, print_json, print_pairs

BOOT_SECONDS = 30.0
"""For the first boot with an identity."""


def as_chip_id(value: str) -> bytes:
    """A chip id of 16 bytes. Raises BadParameter unless it is 32 hexadecimal digits."""
    try:
        parsed = bytes.fromhex(value)
    except ValueError:
        parsed = b""
    if len(parsed) != CHIP_ID_BYTES:
        raise click.BadParameter(f"{value!r} is not a chip id: {2 * CHIP_ID_BYTES} hexadecimal digits")
    return parsed


@click.command()
@click.option("--chip-id", type=as_chip_id, metavar="HEX", help="16 bytes that no other chip has; random by default.")
@click.option(
    "--firmware-key", type=EXISTING_FILE, required=True, help="HSS public key that firmware is signed with."
)
@click.option("--verifier-key", type=EXISTING_FILE, help="HSS public key of truncation approvals and receipts.")
@click.option(
    "--log-mode",
    type=click.Choice([mode.name.lower() for mode in LogMode]),
    default="flash",
    show_default=True,
    help="server: after each snapshot the accelerator is held until a log server's receipt is there.",
)
@chip_options
@json_option
def provision(
    chip_id: bytes | None,
    firmware_key: Path,
    verifier_key: Path | None,
    log_mode: str,
    port: str | None,
    baud: int,
    timeout: float,
    as_json: bool,
) -> int:
    """Give a raw chip its identity, once and for ever: it makes its own key, and becomes a development chip.

    Then the chip boots anew. Exit code 1 when it comes back in recovery mode, as it does without firmware.

    \b
    Examples:
      livetrap provision --firmware-key firmware.pub --port /dev/ttyUSB0
      livetrap provision --firmware-key fw.pub --verifier-key verifier.pub --log-mode server
    """
    try:
        configuration = Configuration(
            read_hss_public(firmware_key),
            read_hss_public(verifier_key) if verifier_key else NO_KEY,
            LogMode[log_mode.upper()],
        )
    except ValueError as error:
        raise click.UsageError(f"{error}: give --verifier-key") from error
    chip_id = chip_id or secrets.token_bytes(CHIP_ID_BYTES)
    with open_device(port, baud, timeout) as device:
        state = device.boot_state()
        if state.lifecycle is not Lifecycle.RAW:
            raise LivetrapError(f"this is a {state.lifecycle.name.lower()} chip: it has its identity already")
        device.provision(chip_id, configuration)
        state = device.restart(BOOT_SECONDS)
    if as_json:
        print_json({"chip": chip_id.hex(), "boot": state.as_json()})
    else:
        print_pairs({"chip": chip_id.hex(), **show_boot(state)})
    if state.recovery:
        complain(f"the chip is provisioned, and in recovery mode: {state.error.explanation}")
        return 1
    return 0
