"""`livetrap snapshot`."""

import rich_click as click

from host.evidence import statement

from .options import as_nonce, chip_options, json_option, open_device
from .output import print_json, print_pairs


@click.command()
@click.option("--nonce", type=as_nonce, metavar="HEX", help="An inspector's challenge, for the statement.")
@chip_options
@json_option
def snapshot(nonce: bytes | None, port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Have the chip take a snapshot now, and show its statement.

    \b
    Examples:
      livetrap snapshot --port /dev/ttyUSB0
      livetrap snapshot --nonce $(openssl rand -hex 32) --json
    """
    with open_device(port, baud, timeout) as device:
        seq = device.snapshot(nonce)
        found = statement.parse(device.statement(seq), f"statement {seq}")
    if as_json:
        print_json(found.as_json())
    else:
        print_pairs({name.replace("_", " "): value for name, value in found.as_json().items()})
