"""`livetrap disclose`."""

from pathlib import Path

import rich_click as click

from host.disclose import disclose as disclose_pages
from host.evidence.folder import EvidenceFolder

from .options import FOLDER, as_page, json_option
from .output import print_json, results


@click.command()
@click.argument("evidence", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option(
    "--page", "pages", type=as_page, metavar="SEQ:N", multiple=True, required=True, help="A page of a snapshot."
)
@json_option
def disclose(evidence: Path, out: Path, pages: tuple[tuple[int | None, int], ...], as_json: bool) -> None:
    """Copy EVIDENCE to a new folder OUT with only single pages, each with its Merkle proof, and without the record.

    \b
    Example:
      livetrap disclose evidence for-the-inspector --page 4:0 --page 4:7
      livetrap verify for-the-inspector --maker maker.pub --page 4:0 --page 4:7
    """
    named = [(seq, page) for seq, page in pages if seq is not None]
    if len(named) != len(pages):
        raise click.UsageError("--page takes SEQ:N here: the snapshot's statement and the page")
    disclose_pages(EvidenceFolder.open(evidence).load(), out, named)
    if as_json:
        print_json({"out": str(out), "pages": [{"statement": seq, "page": page} for seq, page in named]})
    else:
        results.print(f"{out}: {len(named)} pages with their proofs")
