"""`livetrap maker certify`."""

from pathlib import Path

import rich_click as click

from host import enrol
from host.evidence import keys
from host.evidence.signature import public_key

from .maker import read_authorities
from .options import EXISTING_FILE, chip_options, json_option, open_device
from .output import print_json, print_pairs


@click.command()
@click.option("--key", "keyfile", type=EXISTING_FILE, required=True, help="Private key of the maker or an authority.")
@click.option("--chain", type=EXISTING_FILE, help="The authority's chain, as `livetrap maker delegate` wrote it.")
@chip_options
@json_option
def certify(keyfile: Path, chain: Path | None, port: str | None, baud: int, timeout: float, as_json: bool) -> None:
    """Certify the connected chip, after it has signed a fresh challenge with its key.

    The certificate names the chip's lifecycle and configuration as the chip signed them. It is written to the chip,
    which keeps the first one it is given.

    \b
    Examples:
      livetrap maker certify --key maker --port /dev/ttyUSB0
      livetrap maker certify --key plant --chain plant.chain --port /dev/ttyUSB0
    """
    seed = keys.read_private(keyfile)
    authorities = read_authorities(chain, public_key(seed)) if chain else ()
    with open_device(port, baud, timeout) as device:
        issued = enrol.certify(device, seed, authorities)
    if as_json:
        print_json({**issued.as_json(), "certificate": issued.encoded.hex()})
    else:
        print_pairs(
            {
                "chip": issued.chip.ueid.hex(),
                "key": issued.chip.public_key.hex(),
                "lifecycle": issued.chip.lifecycle.name.lower(),
                "configuration": issued.chip.configuration.hex(),
                "authorities": ", ".join(each.name for each in issued.authorities) or "none: the root signed",
            }
        )
