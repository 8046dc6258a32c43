"""`livetrap maker`: what the maker of chips does."""

from pathlib import Path

import rich_click as click

from host.evidence import keys

from .options import FILE, json_option
from .output import print_json, results


@click.group()
def maker() -> None:
    """Make the maker's key, and certify chips with it."""


@maker.command()
@click.argument("keyfile", type=FILE)
@json_option
def keygen(keyfile: Path, as_json: bool) -> None:
    """Make an Ed25519 key: the private one in KEYFILE, the public one in KEYFILE.pub, both PEM (RFC 8410).

    \b
    Example:
      livetrap maker keygen maker
    """
    public = keys.generate(keyfile)
    key = keys.read_public(public)
    if as_json:
        print_json({"private": str(keyfile), "public": str(public), "key": key.hex()})
    else:
        results.print(f"private key in {keyfile}, public key in {public}: {key.hex()}")
