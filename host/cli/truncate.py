"""`livetrap truncate`."""

from pathlib import Path

import rich_click as click

from formats.configuration import NO_KEY
from host import hss
from host import truncate as truncation
from host.errors import EvidenceError
from host.evidence.folder import EvidenceFolder
from host.evidence.keys import read_public

from .options import EXISTING_FILE, FOLDER, as_number, chip_options, json_option, open_device
from .output import notice, print_json, results


@click.command()
@click.argument("evidence", type=FOLDER)
@click.option("--key", "keyfile", type=EXISTING_FILE, required=True, help="The Verifier's HSS private key.")
@click.option("--maker", type=EXISTING_FILE, required=True, help="The maker's public key, in PEM.")
@click.option(
    "--keep-from", type=as_number, metavar="SEQ", help="First statement that the chip keeps; else the last."
)
@chip_options
@json_option
def truncate(
    evidence: Path,
    keyfile: Path,
    maker: Path,
    keep_from: int | None,
    port: str | None,
    baud: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Let a chip forget the statements that the folder EVIDENCE has: its log gets room.

    The folder is verified first; then the Verifier's key signs an approval, which the folder keeps and the chip
    checks. Statements must be verified from the first on; images and records may be missing.

    \b
    Example:
      livetrap truncate evidence --key verifier --maker maker.pub --port /dev/ttyUSB0
    """
    folder = EvidenceFolder.open(evidence)
    found = folder.load()
    truncation.check_folder(found, read_public(maker))
    keep = truncation.kept_from(found, keep_from)
    with open_device(port, baud, timeout) as device, hss.open_key(keyfile) as key:
        expected = device.configuration().verifier_key
        if expected != key.public_key:
            known = "has none" if expected == NO_KEY else f"has {expected.hex()}"
            raise EvidenceError(f"{keyfile}: not the key that the chip takes approvals from: it {known}")
        approval = truncation.approve(folder, found, keep, key.public_key, key.sign)
        seq = truncation.truncate(device, folder, keep, approval)
    if seq is None:
        notice(f"the chip has nothing before statement {keep.seq} any more")
    if as_json:
        print_json({"keep_from": keep.seq, "approval": approval.digest.hex(), "statement": seq})
    elif seq is not None:
        results.print(f"the chip keeps statements from {keep.seq} on; statement {seq} says so")
