"""A chip as pure functions: each takes a state and returns the next, with the statement if one was made.

It knows what a chip's evidence says, not how long anything takes: ticks pass only through `wait`. Because
states are values, a test can continue one state in two ways, as no honest chip can.
"""

from dataclasses import dataclass, field, replace

from formats.descriptor import AcceleratorError, Run
from formats.hashing import DIGEST_BYTES, PAGE_BYTES, WORD_BYTES
from formats.otp import Lifecycle
from formats.records import Record, RecordKind
from formats.statement import Cause, Kind

from . import ed25519, ingest, statement
from .accelerator import Outcome, execute_run
from .merkle import snapshot_root

ZEROS = bytes(DIGEST_BYTES)


@dataclass(frozen=True)
class RunInProgress:
    """A run since its start. done: descriptors of it that are completed."""

    address: int
    run: Run
    done: int = 0


@dataclass(frozen=True)
class Chip:
    """State of a chip.

    chip_id: 16 bytes. seed: the 32-byte key seed. lifecycle, security_floor, configuration (the digest): from its
    fuses. memory: accelerator memory, `pages` pages of `page_size`
    bytes. records, inputs: ingest's count and digest of completed records. pending, words: the record in
    progress and how many of its 64-bit words have taken effect. boot_rate, rate: of the random trigger, at
    boot and in force. macs, steps, descriptor: the accelerator's counters. run: the run in progress. error,
    error_address: why and where the accelerator stopped.
    """

    chip_id: bytes
    seed: bytes
    pages: int = 5
    page_size: int = PAGE_BYTES
    measurement: bytes = ZEROS
    security_version: int = 1
    lifecycle: Lifecycle = Lifecycle.DEVELOPMENT
    security_floor: int = 0
    configuration: bytes = ZEROS
    boot_rate: int = 1 << 40
    memory: bytes = field(default=b"", repr=False)
    seq: int = 0
    bootcount: int = 0
    ticks: int = 0
    macs: int = 0
    steps: int = 0
    descriptor: int = 0
    chain: bytes = ZEROS
    inputs: bytes = ingest.NO_INPUTS
    records: int = 0
    words: int = 0
    pending: Record | None = None
    rate: int = 0
    run: "RunInProgress | None" = None
    error: AcceleratorError = AcceleratorError.NONE
    error_address: int = 0

    @property
    def ueid(self) -> bytes:
        """RFC 9711 4.2.1: a type byte for a random identifier, then the chip id."""
        return b"\x01" + self.chip_id

    @property
    def public_key(self) -> bytes:
        """The 32-byte Ed25519 public key of the chip's seed."""
        return ed25519.public_key(self.seed)


def wait(chip: Chip, ticks: int) -> Chip:
    """The chip `ticks` ticks later."""
    return replace(chip, ticks=chip.ticks + ticks)


def power_on(chip: Chip, macs: int | None = None, forgets: bool = False) -> Chip:
    """The chip after its power was off, its life restored from flash; a boot must follow.

    macs: what the flash knows, at least those of the last statement; exactly the chip's if None. forgets: flash is
    lost or foreign, so that its life begins anew; the fuses are as they were. Raises ValueError for fewer macs than
    the chip has counted.
    """
    if forgets:
        return replace(chip, seq=0, bootcount=0, macs=0, chain=ZEROS)
    if macs is not None and macs < chip.macs:
        raise ValueError(f"{macs} multiply-accumulates are less than the {chip.macs} that were counted")
    return replace(chip, macs=chip.macs if macs is None else macs)


def boot(chip: Chip, ticks: int = 100) -> tuple[Chip, bytes]:
    """The chip after a boot, whose boot statement it makes `ticks` ticks later; memory and inputs restart."""
    booted = replace(
        chip,
        memory=bytes(chip.pages * chip.page_size),
        bootcount=chip.bootcount + 1,
        ticks=ticks,
        steps=0,
        descriptor=0,
        inputs=ingest.NO_INPUTS,
        records=0,
        words=0,
        pending=None,
        rate=chip.boot_rate,
        run=None,
        error=AcceleratorError.NONE,
        error_address=0,
    )
    return state(booted, Kind.BOOT)


def begin(chip: Chip, record: Record, words: int) -> Chip:
    """The chip with the first `words` words of a record in effect, and the record not completed.

    Raises ValueError when a record is in progress, the record does not lie in memory, has fewer words, must wait for
    the end of the run in progress, or is a run while the accelerator is stopped.
    """
    if chip.pending is not None:
        raise ValueError("a record is in progress")
    if words * WORD_BYTES > len(record.payload):
        raise ValueError(f"the record has {len(record.payload) // WORD_BYTES} words, not {words}")
    if record.kind is RecordKind.WRITE and record.address + len(record.payload) > len(chip.memory):
        raise ValueError(f"the record at {record.address:#x} does not lie in memory")
    if must_wait(chip, record):
        raise ValueError("the record waits until the run in progress is over")
    if record.kind is RecordKind.RUN and chip.error:
        raise ValueError("the accelerator is stopped")
    return _effected(replace(chip, pending=record), 0, words)


def must_wait(chip: Chip, record: Record) -> bool:
    """Whether a record waits for the run in progress: all but trigger rates and writes within its open window."""
    if chip.run is None or record.kind is RecordKind.TRIGGER_RATE:
        return False
    end = record.address + len(record.payload)
    return record.kind is RecordKind.RUN or not chip.run.run.leaves_open(record.address, end)


def execute(chip: Chip, descriptors: int | None = None) -> Chip:
    """The chip after so many more descriptors of the run in progress, or at its end.

    Without a run in progress nothing happens. A refused descriptor ends it, and stops the accelerator.
    """
    if chip.run is None:
        return chip
    going = chip.run
    outcome: Outcome = execute_run(chip.memory, going.address, going.run, descriptors, going.done)
    done = going.done + outcome.descriptors
    over = bool(outcome.error) or done == going.run.descriptors
    return replace(
        chip,
        memory=outcome.memory,
        macs=chip.macs + outcome.macs,
        steps=chip.steps + outcome.steps,
        descriptor=chip.descriptor + outcome.descriptors,
        run=None if over else replace(going, done=done),
        error=outcome.error or chip.error,
        error_address=outcome.at or chip.error_address,
    )


def clear(chip: Chip) -> Chip:
    """The chip whose accelerator is not stopped any more."""
    return replace(chip, error=AcceleratorError.NONE, error_address=0)


def complete(chip: Chip) -> Chip:
    """The chip when the record in progress is completed. Raises ValueError when there is none."""
    record = chip.pending
    if record is None:
        raise ValueError("no record is in progress")
    chip = _effected(chip, chip.words, len(record.payload) // WORD_BYTES)
    rate = int.from_bytes(record.payload, "little") if record.kind is RecordKind.TRIGGER_RATE else chip.rate
    inputs = ingest.folded(chip.inputs, record)
    run = chip.run
    if record.kind is RecordKind.RUN:
        started = Run.decode(record.payload)
        run = RunInProgress(record.address, started) if started.descriptors else None
    return replace(chip, inputs=inputs, records=chip.records + 1, words=0, pending=None, rate=rate, run=run)


def take(chip: Chip, record: Record) -> Chip:
    """The chip after one whole record. Raises ValueError as `begin` does."""
    return complete(begin(chip, record, 0))


def _effected(chip: Chip, first: int, end: int) -> Chip:
    record = chip.pending
    if record is None or record.kind is not RecordKind.WRITE:
        return replace(chip, words=end)
    payload = record.payload[first * WORD_BYTES : end * WORD_BYTES]
    at = record.address + first * WORD_BYTES
    return replace(chip, words=end, memory=chip.memory[:at] + payload + chip.memory[at + len(payload) :])


def state(
    chip: Chip, kind: Kind, cause: Cause = Cause.NONE, nonce: bytes = ZEROS, digest: bytes = ZEROS
) -> tuple[Chip, bytes]:
    """Makes one statement over the chip as it is; for a snapshot, `digest` is the memory's root."""
    values: dict[str, int | bytes] = {
        "nonce": nonce,
        "ueid": chip.ueid,
        "kind": kind,
        "seq": chip.seq,
        "bootcount": chip.bootcount,
        "ticks": chip.ticks,
        "macs": chip.macs,
        "steps": chip.steps,
        "descriptor": chip.descriptor,
        "cause": cause,
        "firmware": chip.measurement,
        "security_version": chip.security_version,
        "chain": chip.chain,
        "inputs": chip.inputs,
        "records": chip.records,
        "words": chip.words,
        "pages": chip.pages,
        "page_size": chip.page_size,
        "region": 0,
        "digest": snapshot_root(chip.memory, chip.page_size) if kind is Kind.SNAPSHOT else digest,
        "lifecycle": chip.lifecycle,
        "security_floor": chip.security_floor,
        "configuration": chip.configuration,
    }
    encoded = statement.encode(values, chip.seed)
    return replace(chip, seq=chip.seq + 1, chain=statement.chained(chip.chain, encoded)), encoded


def snapshot(chip: Chip, cause: Cause = Cause.HOST, nonce: bytes = ZEROS) -> tuple[Chip, bytes]:
    """A snapshot of the memory as it is."""
    return state(chip, Kind.SNAPSHOT, cause, nonce)


def precommit(chip: Chip, digest: bytes) -> tuple[Chip, bytes]:
    """A precommit statement over a 32-byte digest."""
    return state(chip, Kind.PRECOMMIT, digest=digest)


def head(chip: Chip, nonce: bytes) -> tuple[Chip, bytes]:
    """A head statement that answers an inspector's 32-byte nonce."""
    return state(chip, Kind.HEAD, nonce=nonce)
