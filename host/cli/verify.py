"""`livetrap verify`."""

from collections import Counter
from pathlib import Path

import rich_click as click

from host.errors import EvidenceError
from host.evidence.folder import EvidenceFolder
from host.evidence.keys import read_public
from host.verify import Report, Verdict
from host.verify import verify as verify_evidence
from host.verify.firmware import read_reference
from host.verify.verifier import with_record

from .options import EXISTING_FILE, FOLDER, as_nonce, as_page, json_option
from .output import complain, print_json, results

_STYLES = {
    Verdict.VERIFIED: "green",
    Verdict.REJECTED: "bold red",
    Verdict.UNCHECKED: "yellow",
    Verdict.NOT_ASKED: "dim",
}


def show(report: Report) -> None:
    """One line for each kind of check: how many, and the first reason that matters."""
    width = max(len(check.name) for check in report.checks)
    for name in dict.fromkeys(check.name for check in report.checks):
        checks = report.named(name)
        counts = Counter(check.verdict for check in checks)
        for verdict in (Verdict.REJECTED, Verdict.UNCHECKED, Verdict.VERIFIED, Verdict.NOT_ASKED):
            if not counts[verdict]:
                continue
            first = next(check for check in checks if check.verdict is verdict)
            count = f"{counts[verdict]}/{len(checks)}"
            style = _STYLES[verdict]
            results.print(f"{name:{width}}  [{style}]{verdict.value:9}[/{style}]  {count:>7}  ", end="")
            results.print(
                first.line if len(checks) == 1 or verdict is Verdict.UNCHECKED else first.reason, markup=False
            )
    for rate in dict.fromkeys(report.rates.values()):
        seqs = ", ".join(str(seq) for seq, in_force in report.rates.items() if in_force == rate)
        in_force = "the chip's own at boot" if rate is None else f"{rate} / 2**64 per tick"
        results.print(f"{'trigger rate':{width}}  {in_force}, at snapshot {seqs}")


@click.command()
@click.argument("evidence", type=FOLDER)
@click.option("--maker", type=EXISTING_FILE, required=True, help="The maker's public key, in PEM.")
@click.option("--record", type=EXISTING_FILE, help="The record of what was loaded, instead of the folder's own.")
@click.option(
    "--nonce",
    "nonces",
    type=as_nonce,
    metavar="HEX",
    multiple=True,
    help="A challenge that must be answered.",
)
@click.option(
    "--page", "pages", type=as_page, metavar="[SEQ:]N", multiple=True, help="Check only this page, by Merkle proof."
)
@click.option(
    "--firmware", "references", type=EXISTING_FILE, multiple=True, help="A measurement.json: none other may have run."
)
@json_option
def verify(
    evidence: Path,
    maker: Path,
    record: Path | None,
    nonces: tuple[bytes, ...],
    pages: tuple[tuple[int | None, int], ...],
    references: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Verify the folder EVIDENCE, trusting nothing but the maker's public key.

    Exit code 0 when everything is verified, 1 when something is rejected (one line says which statement and field,
    what was expected and what was found), 3 when something cannot be checked.

    \b
    Examples:
      livetrap verify evidence --maker maker.pub
      livetrap verify evidence --maker maker.pub --record run.cborseq --json
      livetrap verify evidence --maker maker.pub --page 4:0
      livetrap verify evidence --maker maker.pub --firmware app.measurement.json
    """
    found = EvidenceFolder.open(evidence).load()
    if record is not None:
        try:
            found = with_record(found, record.read_bytes())
        except OSError as error:
            raise EvidenceError(f"{record}: {error.strerror or error}") from error
    firmware = [read_reference(path) for path in references]
    report = verify_evidence(found, read_public(maker), nonces, pages, firmware)
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    if report.deciding is not None:
        complain(f"{report.verdict.value}: {report.deciding.line}")
    else:
        if not as_json:
            results.print(f"[green]verified[/green]: {report.statements} statements, {report.snapshots} snapshots")
    return report.exit_code
