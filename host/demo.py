"""One chip from end to end: it trains on real data while snapshots fire, and a Verifier explains what it signed.

The Prover's part trains and keeps the transcript; the Verifier's part knows the maker's public key, the evidence
folder and the transcript's record, and re-executes.
"""

import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from formats.records import RecordKind
from formats.statement import Cause, Kind, layout
from host import enrol
from host.answers import Info
from host.device import Device
from host.evidence import keys, records, statement
from host.evidence.folder import RECORD, Evidence, EvidenceFolder
from host.evidence.replay import Moment, Position, Replay
from host.evidence.statement import Statement
from host.pull import Progress, pull
from host.train import follow
from host.train.commitment import commitment_of
from host.train.digits import Digits
from host.train.seed import data_digests, run_seed
from host.train.session import TrainingSession
from host.train.transcript import Transcript
from host.train.workload import Workload
from host.verify import Report, Verdict, verify
from sim.golden.merkle import snapshot_root

EPOCHS = 4
MEAN_TICKS = 5_000
"""Mean time between random snapshots while the chip trains."""

SALT_KEY = bytes(range(32))
"""Of the demonstration, so that it always trains the same."""

NO_RANDOMNESS = bytes(32)

Say = Callable[[str], None]


@dataclass
class Told:
    """What the demo found. shown: each snapshot, and the step of the transcript that it equals."""

    trained: follow.Told
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


@dataclass(frozen=True)
class Run:
    """A workload with its seed and the transcript of its run."""

    workload: Workload
    seed: bytes
    transcript: Transcript


def begin(folder: Path, epochs: int = EPOCHS) -> Run:
    """The digits workload and its new transcript, committed to."""
    workload = Digits(epochs)
    digests = data_digests(workload.examples, SALT_KEY)
    seed = run_seed(digests, NO_RANDOMNESS)
    commitment = commitment_of(workload, seed, NO_RANDOMNESS, digests)
    return Run(workload, seed, Transcript.create(folder, commitment, b"".join(digests), SALT_KEY))


def prove(device: Device, run: Run, say: Say, progress: Progress) -> follow.Told:
    """The Prover's run: precommitment, data, training with random snapshots, one more snapshot in the end."""
    session = TrainingSession(device, run.workload, run.seed, run.transcript)
    session.begin(progress)
    device.set_trigger_rate(2**64 // MEAN_TICKS)
    pace = follow.Pace(checkpoint=EPOCHS, evaluate=2)
    told = follow.follow(session, pace, say, progress, lambda: device.set_trigger_rate(0))
    say(
        f"{told.steps} steps, {told.macs / 1e6:.1f} million multiply-accumulates, {told.macs_per_cycle:.1f} in a "
        f"cycle while busy; random snapshots meanwhile: {device.counters().captures}"
    )
    say(f"the host asks for a snapshot: statement {device.snapshot()}")
    return told


def explain(evidence: Evidence) -> list[tuple[Statement, str]]:
    """For each snapshot: the step of the record, re-executed, whose memory has the root that was signed."""
    boots = records.parse(evidence.record or b"").boots
    replays: dict[int, Replay] = {}
    shown = []
    for seq, data in sorted(evidence.statements.items()):
        found = statement.parse(data, f"statement {seq}")
        if found.kind is Kind.SNAPSHOT:
            replay = replays.setdefault(
                found.bootcount, Replay(boots[found.bootcount], found.pages * found.page_size)
            )
            moment = replay.to(Position(found.records, found.words, found.descriptor))
            shown.append((found, _equals(found, moment)))
    return shown


def _equals(found: Statement, moment: Moment) -> str:
    if snapshot_root(moment.memory, found.page_size) != found.digest:
        return "another memory than the transcript's"
    if found.descriptor == 0:
        return "the transcript before its first step"
    return f"step {moment.steps} of the transcript, descriptor {found.descriptor}"


def tamper(folder: EvidenceFolder, copies: Path, maker_key: bytes) -> list[tuple[str, Report]]:
    """What verification says of copies: another batch declared, a claim changed, a statement left out."""
    evidence = folder.load()
    last = max(evidence.statements)
    copies.mkdir()

    def copy(name: str) -> Path:
        shutil.copytree(folder.path, copies / name)
        return copies / name

    declared = copy("declared")
    (declared / RECORD).write_bytes(_other_batch(evidence))
    changed = copy("changed")
    stated = changed / "statements" / f"{last - 1:08d}.cose"
    content = bytearray(stated.read_bytes())
    macs = len(layout().statement_prefix) + layout()["macs"].offset
    content[macs + 7] ^= 1
    stated.write_bytes(content)
    cut = copy("cut")
    (cut / "statements" / f"{last - 1:08d}.cose").unlink()
    cases = (
        ("two examples of a batch declared the other way round", declared),
        ("one multiply-accumulate more or less stated", changed),
        ("one statement left out", cut),
    )
    return [(name, verify(EvidenceFolder.open(path).load(), maker_key)) for name, path in cases]


def _other_batch(evidence: Evidence) -> bytes:
    """The record with two indices of the first batch behind the first run swapped."""
    parsed = records.parse(evidence.record or b"")
    data = records.header(parsed.ueid)
    for boot, items in parsed.boots.items():
        data += records.boot_item(boot)
        has_run = False
        for item in items:
            payload = item.payload
            if has_run and item.kind is RecordKind.WRITE:
                payload = payload[2:4] + payload[:2] + payload[4:]
                has_run = False
            has_run = has_run or item.kind is RecordKind.RUN
            data += records.record_item(type(item)(item.kind, item.address, payload))
    return data


def run(
    device: Device,
    training: Run,
    place: Path,
    say: Say,
    progress_bar: Callable[[], AbstractContextManager[Progress]],
) -> Told:
    """The whole demonstration on an attached chip that has no certificate yet.

    device: opened with the transcript's record. place: folder for the keys, the evidence and copies of it.
    progress_bar: shows what takes time, and makes room when anything is said. Raises what the device and the
    folders raise.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "train"), progress_bar() as progress:
        trained = prove(device, training, lambda line: say(f"prover:   {line}"), progress)
    with _timed(seconds, "enrol"):
        maker_public = keys.generate(place / "maker")
        issued = enrol.certify(device, keys.read_private(place / "maker"))
        maker_key = keys.read_public(maker_public)
    say(f"maker:    certifies chip {issued.chip.ueid.hex()} with a fresh key, after it signed a challenge")
    with _timed(seconds, "pull"):
        evidence_folder = EvidenceFolder.create(place / "evidence", issued.chip.ueid)
        with progress_bar() as progress:
            pulled = pull(device, evidence_folder, secrets.token_bytes(32), pages=False, progress=progress)
        evidence_folder.put_record(training.transcript.record.read_bytes())
    say(
        f"verifier: pulls {pulled.statements} statements, none of the weights; the last statement answers a fresh "
        "challenge"
    )
    with _timed(seconds, "verify"):
        evidence = evidence_folder.load()
        report = verify(evidence, maker_key)
        shown = explain(evidence)
    return Told(trained, report, shown, tamper(evidence_folder, place / "tampered", maker_key), seconds)


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
