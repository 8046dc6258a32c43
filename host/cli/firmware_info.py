"""`livetrap firmware info`."""

from pathlib import Path

import rich_click as click

from host.evidence.hash_keys import read_hss_public
from host.firmware import image as images
from host.firmware.image import Image
from sim.golden.lms import verify_hss

from .options import EXISTING_FILE, json_option
from .output import complain, print_json, print_pairs


def describe(image: Image) -> dict[str, object]:
    """An image's fields by name, bytes in hex."""
    return {
        "version": str(image.version),
        "security_version": image.security_version,
        "map": f"{image.map_hash:08x}",
        "load_address": f"{image.load_address:08x}",
        "body_bytes": len(image.body),
        "measurement": image.measurement.hex(),
        "hash": image.hash.hex(),
        "signature_bytes": len(image.signature) if image.signature is not None else 0,
    }


@click.command()
@click.argument("image", type=EXISTING_FILE)
@click.option("--key", "key_file", type=EXISTING_FILE, help="HSS public key that must have signed it.")
@json_option
def info(image: Path, key_file: Path | None, as_json: bool) -> int:
    """Show what a firmware image is: its versions, what it was built for, and its measurement.

    With --key, exit code 1 when that key has not signed it.

    \b
    Examples:
      livetrap firmware info app.signed
      livetrap firmware info app.signed --key firmware-key.pub --json
    """
    found = images.read(image)
    shown = describe(found)
    is_signed = True
    if key_file is not None:
        key = read_hss_public(key_file)
        is_signed = found.signature is not None and verify_hss(key, found.signed_bytes, found.signature)
        shown["signed"] = is_signed
    if as_json:
        print_json(shown)
    else:
        print_pairs({name.replace("_", " "): value for name, value in shown.items()})
    if not is_signed:
        complain(f"{image}: not signed by {key_file}")
        return 1
    return 0
