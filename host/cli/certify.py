"""`livetrap maker certify`."""

from pathlib import Path

import rich_click as click

from host import enrol
from host.evidence import keys

from .options import EXISTING_FILE, chip_options, json_option, open_device
from .output import print_json, print_pairs


@click.command()
@click.option("--key", "keyfile", type=EXISTING_FILE, required=True, help="The maker's private key, in PEM.")
@chip_options
@json_option
def certify(keyfile: Path, port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Certify the connected chip, after it has signed a fresh challenge with its key.

    The certificate is written to the chip, which keeps the first one it is given.

    \b
    Example:
      livetrap maker certify --key maker --port /dev/ttyUSB0
    """
    seed = keys.read_private(keyfile)
    with open_device(port, baud, timeout) as device:
        issued = enrol.certify(device, seed)
    if as_json:
        print_json({**issued.as_json(), "certificate": issued.encoded.hex()})
    else:
        print_pairs({"chip": issued.ueid.hex(), "key": issued.public_key.hex()})
