"""`livetrap pull`."""

from pathlib import Path

import rich_click as click

from host.errors import EvidenceError
from host.evidence.folder import EvidenceFolder
from host.pull import pull as pull_evidence

from .options import EXISTING_FILE, FOLDER, as_nonce, chip_options, fresh_nonce, json_option, open_device
from .output import notice, print_json, progress_bar, results


@click.command()
@click.argument("evidence", type=FOLDER)
@click.option("--nonce", type=as_nonce, metavar="HEX", help="The inspector's challenge; random by default.")
@click.option("--pages/--no-pages", default=True, show_default=True, help="Pages of the newest snapshot too.")
@click.option("--record", type=EXISTING_FILE, help="Put this record of what was loaded into the folder.")
@chip_options
@json_option
def pull(
    evidence: Path,
    nonce: bytes | None,
    pages: bool,
    record: Path | None,
    port: str | None,
    baud: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Fetch a chip's certificate, statements and pages into the folder EVIDENCE.

    The chip signs a head statement over the challenge, so that nothing can be cut off the end of its log. What the
    folder has already is not read again: an interrupted pull is simply repeated, and later pulls add to it.

    \b
    Examples:
      livetrap pull evidence --port /dev/ttyUSB0
      livetrap pull evidence --record run.cborseq --no-pages
    """
    nonce = nonce or fresh_nonce()
    with open_device(port, baud, timeout) as device, progress_bar() as progress:
        folder = EvidenceFolder.create(evidence, device.info().ueid)
        pulled = pull_evidence(device, folder, nonce, pages, progress)
    if record is not None:
        try:
            folder.put_record(record.read_bytes())
        except OSError as error:
            raise EvidenceError(f"{record}: {error.strerror or error}") from error
    for line in pulled.notices:
        notice(line)
    if as_json:
        print_json({**vars(pulled), "nonce": nonce.hex()})
        return
    results.print(
        f"{evidence}: {pulled.statements} statements ({pulled.new_statements} new), {pulled.new_pages} new pages"
    )
    if pulled.head is not None:
        results.print(f"statement {pulled.head} answers the challenge {nonce.hex()}")
