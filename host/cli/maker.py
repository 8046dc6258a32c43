"""`livetrap maker`: what the maker of chips does."""

from pathlib import Path

import rich_click as click

from host import hss
from host.errors import EvidenceError
from host.evidence import certificate, keys
from host.evidence.certificate import Authority
from host.evidence.hash_keys import write_hss_public
from host.evidence.signature import public_key

from .options import EXISTING_FILE, FILE, json_option
from .output import print_json, results


@click.group()
def maker() -> None:
    """Make the maker's keys, let authorities certify, and certify chips."""


@maker.command()
@click.argument("keyfile", type=FILE)
@click.option("--hss", "is_hss", is_flag=True, help="An HSS key, for firmware, receipts and truncation approvals.")
@click.option(
    "--height",
    type=click.Choice(["5", "10"]),
    default="10",
    show_default=True,
    help="Of each of an HSS key's two trees: it signs 4 to the power of that many messages.",
)
@json_option
def keygen(keyfile: Path, is_hss: bool, height: str, as_json: bool) -> None:
    """Make a key: the private one in KEYFILE, the public one in KEYFILE.pub.

    Ed25519 keys, which certify, are PEM (RFC 8410). An HSS key (RFC 8554) signs a limited number of messages, and its
    file says how many it has signed: never copy it, nor restore it from a backup.

    \b
    Examples:
      livetrap maker keygen maker
      livetrap maker keygen --hss firmware-key
    """
    if is_hss:
        public = keyfile.with_name(keyfile.name + ".pub")
        if public.exists():
            raise EvidenceError(f"{public}: exists already; keys are not overwritten")
        made = hss.generate(2, int(height))
        hss.save(keyfile, made)
        write_hss_public(public, made.public_key)
        key = made.public_key
    else:
        public = keys.generate(keyfile)
        key = keys.read_public(public)
    if as_json:
        print_json({"private": str(keyfile), "public": str(public), "key": key.hex()})
    else:
        results.print(f"private key in {keyfile}, public key in {public}: {key.hex()}")


def read_authorities(path: Path, issuer: bytes) -> tuple[Authority, ...]:
    """The authorities in a file that `delegate` wrote, of whom the first must have the issuer's 32-byte key.

    Raises EvidenceError when it cannot be read, or belongs to another key; FieldError when it is no such chain.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
    found = certificate.parse_authorities(data)
    if found[0].public_key != issuer:
        raise EvidenceError(f"{path}: it is of authority {found[0].name!r}, whose key is not the one that signs")
    return found


@maker.command()
@click.argument("authority", type=EXISTING_FILE)
@click.option("--name", required=True, help="Of the authority, for people: at most 64 bytes.")
@click.option("--key", "keyfile", type=EXISTING_FILE, required=True, help="The private key that signs: the root's.")
@click.option("--chain", type=EXISTING_FILE, help="The signer's own chain, when it is an authority itself.")
@click.option("--out", "-o", type=FILE, required=True, help="Where the authority's chain is written.")
@json_option
def delegate(authority: Path, name: str, keyfile: Path, chain: Path | None, out: Path, as_json: bool) -> None:
    """Let the holder of the public key AUTHORITY certify chips.

    Between a chip and the root there are at most two authorities.

    \b
    Example:
      livetrap maker keygen plant
      livetrap maker delegate plant.pub --name "Plant 7" --key root -o plant.chain
      livetrap maker certify --key plant --chain plant.chain --port /dev/ttyUSB0
    """
    seed = keys.read_private(keyfile)
    signer = public_key(seed)
    above = read_authorities(chain, signer) if chain else ()
    if len(above) >= certificate.MAX_AUTHORITIES:
        raise EvidenceError(f"{chain}: at most {certificate.MAX_AUTHORITIES} authorities stand below the root")
    key = keys.read_public(authority)
    if key in (signer, *(each.public_key for each in above)):
        raise EvidenceError(f"{authority}: this key stands above the authority already")
    issued = certificate.issue_authority(seed, name, key)
    if out.exists():
        raise EvidenceError(f"{out}: exists already")
    out.write_bytes(certificate.encode_array([issued.encoded, *(each.encoded for each in above)]))
    if as_json:
        print_json({"name": name, "key": key.hex(), "chain": str(out)})
    else:
        results.print(f"{name} may certify chips with the key {key.hex()}; its chain is in {out}", markup=False)
