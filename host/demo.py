"""One chip from end to end: a network's weights go on it while snapshots fire, and a Verifier checks what it signed.

The Prover's part loads weights epoch by epoch and keeps the record; the Verifier's part knows the maker's public
key and the evidence folder, nothing else.
"""

import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from formats.link import CHUNK_BYTES
from formats.statement import Cause, Kind
from host import digits, enrol
from host.answers import Info
from host.device import Device
from host.digits import QuantisedNetwork
from host.disclose import image_of
from host.evidence import keys, statement
from host.evidence.folder import Evidence, EvidenceFolder
from host.evidence.statement import Statement
from host.pull import Progress, pull
from host.verify import Report, Verdict, verify

EPOCHS = 8
MOST_EPOCHS = 40
"""Epochs go on until the random trigger has fired often enough, but not beyond this."""

RANDOM_SNAPSHOTS = 3
MEAN_TICKS = 12_000
"""Mean time between random snapshots while epochs are written."""

HOST_EPOCH, CHALLENGE_EPOCH = 3, 6
"""Epochs in the middle of whose upload a snapshot is asked for: by the host, and by the inspector."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Training:
    """images: what goes on the chip after each epoch. accuracies: of the float and the int8 network."""

    images: Sequence[bytes]
    accuracies: Sequence[tuple[float, float]]
    tested: int


@dataclass
class Told:
    """What the demo found. shown: seq of each snapshot and what it shows."""

    report: Report
    shown: list[tuple[Statement, str]]
    tampered: list[tuple[str, Report]]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Everything honest verified, everything tampered with rejected."""
        return self.report.verdict is Verdict.VERIFIED and all(
            report.verdict is Verdict.REJECTED for _, report in self.tampered
        )


def train(epochs: int = MOST_EPOCHS) -> Training:
    """Trains the digits network and quantises it after each epoch."""
    data = digits.load_data()
    images, accuracies = [], []
    for network in digits.train(data, epochs):
        quantised: QuantisedNetwork = digits.quantise(network, data)
        images.append(quantised.image())
        scores = [digits.accuracy(each, data.test_images, data.test_digits) for each in (network, quantised)]
        accuracies.append((scores[0], scores[1]))
    return Training(images, accuracies, len(data.test_digits))


def prove(device: Device, training: Training, say: Say) -> int:
    """The Prover's run: weights of epoch after epoch while the random trigger is on. Returns the epochs written."""
    info = device.info()
    device.set_trigger_rate(2**64 // MEAN_TICKS)
    asked = epoch = 0
    for epoch, image in enumerate(training.images, start=1):
        halves = _halves(image)
        device.write_memory(0, halves[0])
        if epoch == HOST_EPOCH:
            seq = device.snapshot()
            say(f"epoch {epoch}, half written: the host asks for a snapshot: statement {seq}")
            asked += 1
        if epoch == CHALLENGE_EPOCH:
            seq = device.snapshot(secrets.token_bytes(32))
            say(f"epoch {epoch}, half written: an inspector's challenge asks for a snapshot: statement {seq}")
            asked += 1
        device.write_memory(len(halves[0]), halves[1])
        captures = device.counters().captures
        room = info.capacity - (device.info().seq - info.first)
        if epoch >= EPOCHS and (captures - asked >= RANDOM_SNAPSHOTS or room < RANDOM_SNAPSHOTS):
            break
    device.set_trigger_rate(0)
    say(
        f"{epoch} epochs of {len(training.images[0])} bytes written; "
        f"the random trigger (once in {MEAN_TICKS} ticks) took {captures - asked} snapshots meanwhile"
    )
    say(f"all of epoch {epoch} written: the host asks for a snapshot: statement {device.snapshot()}")
    return epoch


def _halves(image: bytes) -> tuple[bytes, bytes]:
    """Split at a whole number of records."""
    middle = len(image) // CHUNK_BYTES // 2 * CHUNK_BYTES
    return image[:middle], image[middle:]


def explain(evidence: Evidence, training: Training) -> list[tuple[Statement, str]]:
    """For each snapshot: the epoch whose weights it shows, or between which two it caught the upload."""
    shown = []
    for seq, data in sorted(evidence.statements.items()):
        found = statement.parse(data, f"statement {seq}")
        if found.kind is Kind.SNAPSHOT:
            image = image_of(evidence, found)
            shown.append((found, "no pages" if image is None else _epoch_of(image, training)))
    return shown


def _epoch_of(image: bytes, training: Training) -> str:
    size = len(training.images[0])
    weights, before = image[:size], bytes(size)
    if any(image[size:]):
        return "something else behind the weights"
    if weights == before:
        return "nothing loaded yet"
    for epoch, after in enumerate(training.images, start=1):
        if weights == after:
            return f"weights of epoch {epoch} ({training.accuracies[epoch - 1][1]:.1%} of test digits right)"
        done = next((at for at in range(0, size, 8) if weights[at : at + 8] != after[at : at + 8]), size)
        if weights[done:] == before[done:]:
            name = f"epoch {epoch - 1}" if epoch > 1 else "nothing"
            return f"in the middle of an upload: {done} bytes of epoch {epoch} over {name}"
        before = after
    return "none of the epochs"


def tamper(folder: EvidenceFolder, copies: Path, maker_key: bytes) -> list[tuple[str, Report]]:
    """What verification says of copies in which a weight was changed, and in which a statement is left out."""
    evidence = folder.load()
    snapshot = max(evidence.pages)
    copies.mkdir()
    changed = copies / "changed"
    shutil.copytree(folder.path, changed)
    page = changed / "snapshots" / f"{snapshot:08d}" / "00000.page"
    content = bytearray(page.read_bytes())
    content[100] ^= 1
    page.write_bytes(content)
    cut = copies / "cut"
    shutil.copytree(folder.path, cut)
    (cut / "statements" / f"{snapshot - 1:08d}.cose").unlink()
    return [
        (name, verify(EvidenceFolder.open(path).load(), maker_key))
        for name, path in (("one bit of one weight changed", changed), ("one statement left out", cut))
    ]


def run(
    device: Device,
    record: Path,
    place: Path,
    training: Training,
    say: Say,
    progress_bar: Callable[[], AbstractContextManager[Progress]],
) -> Told:
    """The whole demonstration on an attached chip that has no certificate yet.

    record: the file in which the device notes what is loaded. place: folder for the keys, the evidence and copies
    of it. progress_bar: shows the pull, and is gone again when anything is said. Raises what the device and the
    folder raise.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "enrol"):
        maker_public = keys.generate(place / "maker")
        issued = enrol.certify(device, keys.read_private(place / "maker"))
        maker_key = keys.read_public(maker_public)
    say(f"maker:    certifies chip {issued.ueid.hex()} with a fresh key, after it signed a challenge")
    with _timed(seconds, "load"):
        prove(device, training, lambda line: say(f"prover:   {line}"))
    with _timed(seconds, "pull"):
        evidence_folder = EvidenceFolder.create(place / "evidence", issued.ueid)
        with progress_bar() as progress:
            pulled = pull(device, evidence_folder, secrets.token_bytes(32), progress=progress)
        evidence_folder.put_record(record.read_bytes())
    say(
        f"verifier: pulls {pulled.statements} statements and {pulled.new_pages} pages; "
        f"the last statement answers a fresh challenge"
    )
    with _timed(seconds, "verify"):
        evidence = evidence_folder.load()
        report = verify(evidence, maker_key)
    return Told(report, explain(evidence, training), tamper(evidence_folder, place / "tampered", maker_key), seconds)


class _timed:
    """Notes how long its block took."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] = time.monotonic() - self._start


def describe_chip(info: Info) -> str:
    """A line on the chip: its memory, and how its firmware's measurement begins."""
    memory = f"{info.memory_bytes // 1024} KiB of accelerator memory in {info.pages} pages"
    return f"{memory}, firmware {info.firmware.hex()[:16]}..."


CAUSES = {
    Cause.RANDOM: "random",
    Cause.HOST: "host",
    Cause.CHALLENGE: "challenge",
    Cause.RANDOM_FORCED: "random, forced",
    Cause.HOST_FORCED: "host, forced",
    Cause.CHALLENGE_FORCED: "challenge, forced",
    Cause.NONE: "none",
}
