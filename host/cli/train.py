"""`livetrap train`."""

import secrets
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import rich_click as click

from formats.hashing import DIGEST_BYTES
from host.device import Device
from host.link import emulated_port
from host.logserver.client import LogServerClient
from host.logserver.relay import PATIENCE, Relay
from host.train.commitment import commitment_of, workload_of
from host.train.follow import Pace, Told, follow
from host.train.seed import data_digests, run_seed
from host.train.session import TrainingSession
from host.train.transcript import Manifest, Transcript
from host.train.workload import Workload
from host.train.workloads import WORKLOADS

from .options import FOLDER, Command, chip_options, json_option, open_device
from .output import notice, print_json, progress_bar, results

INTERRUPTED = 130
NO_RANDOMNESS = "00" * DIGEST_BYTES


def as_bytes32(value: str) -> bytes:
    """32 bytes as hexadecimal digits. Raises BadParameter otherwise."""
    try:
        parsed = bytes.fromhex(value)
    except ValueError:
        parsed = b""
    if len(parsed) != DIGEST_BYTES:
        raise click.BadParameter(f"{value!r} is not {2 * DIGEST_BYTES} hexadecimal digits")
    return parsed


def prepare(
    name: str, epochs: int | None, randomness: bytes, salt: bytes | None, record: Path | None
) -> tuple[Workload, bytes, Transcript | None]:
    """A workload, its seed, and the new transcript if one is to be written."""
    workload = WORKLOADS[name](**({} if epochs is None else {"epochs": epochs}))
    salt = salt or secrets.token_bytes(DIGEST_BYTES)
    digests = data_digests(workload.examples, salt)
    seed = run_seed(digests, randomness)
    if record is None:
        return workload, seed, None
    commitment = commitment_of(workload, seed, randomness, digests)
    return workload, seed, Transcript.create(record, commitment, b"".join(digests), salt)


def every(name: str, default: int, help: str) -> Callable[[Command], Command]:
    """An option in epochs."""
    return click.option(name, type=click.IntRange(1), default=default, show_default=True, metavar="EPOCHS", help=help)


@click.command()
@click.argument("workload", type=click.Choice(sorted(WORKLOADS)), required=False)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data; by default the workload's own number.")
@click.option("--record", type=FOLDER, help="Write the transcript to this new folder; the chip commits to it first.")
@click.option("--resume", type=FOLDER, help="Continue the training whose transcript is in this folder.")
@every("--checkpoint-every", 5, "How often the transcript gets the state.")
@every("--evaluate-every", 2, "How often weights are read back and scored on held-out data.")
@click.option("--target", type=float, metavar="ACCURACY", help="Stop as soon as held-out accuracy is as high.")
@click.option("--test/--no-test", default=True, help="In the end, have the chip evaluate the held-out data.")
@click.option(
    "--randomness",
    type=as_bytes32,
    metavar="HEX",
    default=NO_RANDOMNESS,
    help="The Verifier's 32 bytes in the seed; zeros if no Verifier takes part.",
)
@click.option("--log-server", metavar="URL", help="Relay to this log server meanwhile, for a chip that it holds.")
@click.option("--salt", type=as_bytes32, metavar="HEX", help="Key of the examples' salts, a secret; else random.")
@chip_options
@json_option
def train(
    workload: str | None,
    epochs: int | None,
    record: Path | None,
    resume: Path | None,
    checkpoint_every: int,
    evaluate_every: int,
    target: float | None,
    test: bool,
    randomness: bytes,
    salt: bytes | None,
    log_server: str | None,
    port: str | None,
    baud: int,
    timeout: float,
    as_json: bool,
) -> int:
    """Train a WORKLOAD on the chip: digits or characters. The chip boots anew first.

    Data, program and weights are in its accelerator memory; the host sends the order of the examples and reads
    statistics. Ctrl-C ends the training behind the run that is under way; with --record it can be resumed.

    \b
    Examples:
      livetrap train digits --port sim
      livetrap train digits --record run-1 --port /dev/ttyUSB0
      livetrap train --resume run-1
      livetrap train digits --record run-1 --log-server http://127.0.0.1:8440
    """
    if (workload is None) == (resume is None) or (resume and (record or epochs)):
        raise click.UsageError("name either a WORKLOAD, or with --resume nothing but a transcript")
    manifest: Manifest | None = None
    transcript: Transcript | None
    if resume is not None:
        transcript, manifest = Transcript.open(resume)
        chosen, seed = workload_of(transcript.commitment())
    else:
        chosen, seed, transcript = prepare(str(workload), epochs, randomness, salt, record)
    pace = Pace(checkpoint_every, evaluate_every, target)
    client = LogServerClient(log_server) if log_server else None
    with open_device(port, baud, timeout, transcript.record if transcript else None) as device:
        relay = Relay(device, client) if client else None
        if relay:
            device.meanwhile = relay.step
        told = _trained(device, chosen, seed, transcript, manifest, pace, test, quiet=as_json)
        if relay:
            relay.finish(PATIENCE)
    if as_json:
        print_json(asdict(told))
    if told.interrupted:
        if port == emulated_port.NAME:
            how = ": its chip ends with this command; one that 'livetrap sim' starts is there to resume"
        else:
            how = f": continue with livetrap train --resume {transcript.path}" if transcript else ""
        notice(f"interrupted behind step {told.steps}{how}")
        return INTERRUPTED
    return 0


def _trained(
    device: Device,
    workload: Workload,
    seed: bytes,
    transcript: Transcript | None,
    manifest: Manifest | None,
    pace: Pace,
    test: bool,
    *,
    quiet: bool,
) -> Told:
    session = TrainingSession(device, workload, seed, transcript)

    def say(line: str) -> None:
        if not quiet:
            results.print(line, markup=False)

    with progress_bar() as progress:
        if manifest is None:
            session.begin(progress)
        elif not session.resume(manifest, progress):
            notice("the chip does not hold this training any more: it was loaded from the last checkpoint")
        told = follow(session, pace, say, progress)
        if test and not told.interrupted:
            tested = session.test(progress)
            if tested is not None:
                told.on_chip_accuracy = tested.accuracy
                right = f"{tested.correct} of {tested.rows} held out are right ({tested.accuracy:.2%})"
                say(f"evaluated on the chip: {right}")
    say(
        f"{told.steps} steps in {told.seconds:.1f} s; {told.macs} multiply-accumulates, {told.macs_per_cycle:.1f} in "
        f"a cycle while busy; {told.stall_cycles} cycles waited for memory"
    )
    return told
