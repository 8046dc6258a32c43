"""`livetrap demo`."""

import tempfile
import time
from pathlib import Path

import rich_click as click

from host import demo as tale
from host.demo import Told, Training
from host.device import Device
from host.errors import EvidenceError
from host.evidence.folder import RECORD
from host.link.emulated_port import start_chip

from .options import FOLDER, as_number
from .output import notice, print_columns, progress_bar, results
from .verify import show


def show_story(told: Told) -> None:
    """Prints what the snapshots show, what a Verifier finds, and what it says of the tampered copies."""
    results.print("\n[bold]What the chip signed[/bold], as the Prover, who has the weights, can explain it")
    rows = [("statement", "tick", "cause", "records", "words", "shows")]
    for found, shows in told.shown:
        position = (str(found.records), str(found.words))
        rows.append((str(found.seq), str(found.ticks), tale.CAUSES[found.cause], *position, shows))
    print_columns(rows, right=(0, 1, 3, 4))
    results.print("\n[bold]What a Verifier finds[/bold] with the maker's public key alone")
    show(told.report)
    results.print("\n[bold]What it says of copies that were tampered with[/bold]")
    for name, report in told.tampered:
        reason = report.deciding.reason if report.deciding else ""
        results.print(f"{name}: [red]{report.verdict.value}[/red] (exit code {report.exit_code})")
        results.print(f"  {reason}", markup=False)


def show_training(training: Training, seconds: float) -> None:
    """Prints how long training took, in seconds, and both accuracies after the last epoch."""
    float_accuracy, int8_accuracy = training.accuracies[tale.EPOCHS - 1]
    results.print(
        f"network:  trained on handwritten digits in {seconds:.1f} s; after {tale.EPOCHS} epochs, "
        f"of {training.tested} test digits {float_accuracy:.1%} are right in float and {int8_accuracy:.1%} in int8"
    )


@click.command()
@click.option("--seed", type=as_number, metavar="N", default=1, show_default=True, help="Of the emulated chip.")
@click.option("--config", default="full", show_default=True, help="Of the emulated chip: full, tiny or test.")
@click.option("--keep", type=FOLDER, help="Keep evidence and keys in this new folder.")
def demo(seed: int, config: str, keep: Path | None) -> int:
    """One emulated chip from end to end.

    Trains a small network on handwritten digits, writes its weights to the chip epoch by epoch while snapshots fire,
    pulls the signed evidence, verifies it with the maker's public key alone, and shows that tampering is noticed.

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
        with start_chip(config=config, seed=seed, link="pty") as chip:
            training_started = time.monotonic()
            training = tale.train()
            show_training(training, time.monotonic() - training_started)
            told = _told(chip.port, place, training)
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


def _told(port: str, place: Path, training: Training) -> Told:
    with Device.open(port, record=place / RECORD) as device:
        results.print(f"chip:     at {port}, {tale.describe_chip(device.info())}")
        return tale.run(device, place / RECORD, place, training, results.print, progress_bar)
