"""`livetrap demo`."""

import tempfile
import time
from pathlib import Path

import rich_click as click

from host import demo as tale
from host.demo import Told
from host.device import Device
from host.errors import EvidenceError
from host.link.emulated_port import start_chip

from .options import FOLDER, as_number
from .output import notice, print_columns, progress_bar, results
from .verify import show


def show_story(told: Told) -> None:
    """Prints what the snapshots show, what a Verifier finds, and what it says of the tampered copies."""
    results.print("\n[bold]What the chip signed[/bold], and what re-executing the transcript's record gives")
    rows = [("statement", "tick", "cause", "records", "equals, by digest")]
    for found, shows in told.shown:
        rows.append((str(found.seq), str(found.ticks), tale.CAUSES[found.cause], str(found.records), shows))
    print_columns(rows, right=(0, 1, 3))
    results.print("\n[bold]What a Verifier finds[/bold] with the maker's public key and the record")
    show(told.report)
    results.print("\n[bold]What it says of copies that were tampered with[/bold]")
    for name, report in told.tampered:
        reason = report.deciding.reason if report.deciding else ""
        results.print(f"{name}: [red]{report.verdict.value}[/red] (exit code {report.exit_code})")
        results.print(f"  {reason}", markup=False)


@click.command()
@click.option("--seed", type=as_number, metavar="N", default=1, show_default=True, help="Of the emulated chip.")
@click.option(
    "--epochs", type=click.IntRange(1), default=tale.EPOCHS, show_default=True, help="Passes over the data."
)
@click.option("--keep", type=FOLDER, help="Keep transcript, evidence and keys in this new folder.")
def demo(seed: int, epochs: int, keep: Path | None) -> int:
    """One emulated chip from end to end.

    It trains on handwritten digits, from scratch, while random snapshots fire; the signed evidence is pulled, each
    snapshot is traced to a step of the training's transcript by re-execution, and tampering is noticed.

    \b
    Examples:
      livetrap demo
      livetrap demo --keep demo-run
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise EvidenceError(f"{keep}: not empty")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="livetrap-demo-") as temporary:
        place = keep or Path(temporary) / "run"
        place.mkdir(parents=True, exist_ok=True)
        with start_chip(config="full", seed=seed, link="pty") as chip:
            told = _told(chip.port, place, epochs)
            ran = chip.stop()
        show_story(told)
    results.print(
        f"\n{time.monotonic() - started:.1f} s in all: "
        + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in told.seconds.items())
        + f"; the chip ran {ran.cycles} cycles at {ran.mhz:.2f} MHz"
    )
    if keep is not None:
        results.print(f"try: livetrap verify {place / 'evidence'} --maker {place / 'maker.pub'}")
    if not told.succeeded:
        notice("the demonstration did not come out as it should")
        return 1
    return 0


def _told(port: str, place: Path, epochs: int) -> Told:
    training = tale.begin(place / "transcript", epochs)
    with Device.open(port, record=training.transcript.record) as device:
        results.print(f"chip:     at {port}, {tale.describe_chip(device.info())}")
        return tale.run(device, training, place, results.print, progress_bar)
