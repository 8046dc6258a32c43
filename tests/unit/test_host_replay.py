"""Evidence of a chip that computes: re-executed to every snapshot, and every lie about it found."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from formats.descriptor import Descriptor, Flag, Opcode, Operand, Run
from formats.records import Record, RecordKind
from formats.statement import Cause
from host.evidence import certificate, records
from host.evidence.folder import Evidence
from host.evidence.replay import Position, Replay
from host.verify import Verdict, verify
from sim.golden import chip as golden
from tests.evidence_story import CHIP_ID, CHIP_SEED, MAKER_KEY, MAKER_SEED, NONCE, forged

PAGES = 3
SIZE = PAGES * 4096
PROGRAM, OPEN = 8192, 10240
RUN = Run(3, 2, OPEN, SIZE)


def program() -> list[Descriptor]:
    """Two products and a marked gather; 512 and 1024 multiply-accumulates."""
    return [
        Descriptor(Opcode.GEMM, 8, 8, 8, shift=5, a=Operand(0, 8), b=Operand(64, 8), c=Operand(2048, 8)),
        Descriptor(
            Opcode.GEMM, 8, 16, 8, shift=9, flags=Flag.UPDATE, a=Operand(0, 8), b=Operand(128, 16),
            c=Operand(2304, 16), d=Operand(2560, 32),
        ),
        Descriptor(
            Opcode.GATHER, 1, 8, 32, 8, Flag.MARK, a=Operand(2048, 8), b=Operand(512), c=Operand(0, 8), advance=8
        ),
    ]  # fmt: skip


@cache
def story() -> Evidence:
    """One boot: data and program, a run with snapshots at every descriptor and host writes in between, a head in the
    middle of the second run, a third that stops, and a head over NONCE."""
    random = Random(3)
    chip, boot = golden.boot(golden.Chip(CHIP_ID, CHIP_SEED, pages=PAGES))
    statements, record = [boot], bytearray(records.header(chip.ueid) + records.boot_item(chip.bootcount))

    def take(item: Record, words: int | None = None) -> None:
        nonlocal chip
        record.extend(records.record_item(item))
        chip = golden.begin(golden.wait(chip, 9), item, 0 if words is None else words)
        if words is None:
            chip = golden.complete(chip)

    def write(address: int, data: bytes, words: int | None = None) -> None:
        take(Record(RecordKind.WRITE, address, data), words)

    def start(run: Run, address: int = PROGRAM) -> None:
        take(Record(RecordKind.RUN, address, run.encode()))

    def state(make: Callable[[golden.Chip], tuple[golden.Chip, bytes]]) -> None:
        nonlocal chip
        chip, made = make(golden.wait(chip, 40))
        statements.append(made)

    write(0, random.randbytes(1024))
    write(PROGRAM, b"".join(descriptor.encode() for descriptor in program()))
    start(RUN)
    state(lambda chip: golden.snapshot(chip, Cause.RANDOM))
    for index in range(3):
        chip = golden.execute(chip, 1)
        state(golden.snapshot)
        write(OPEN + 16 * index, random.randbytes(16))
        state(golden.snapshot)
    write(OPEN + 512, random.randbytes(64), words=5)
    state(golden.snapshot)
    chip = golden.complete(golden.execute(chip))
    state(golden.snapshot)
    write(512, random.randbytes(64))
    start(RUN)
    chip = golden.execute(chip, 4)
    state(lambda chip: golden.head(chip, NONCE[::-1]))
    chip = golden.execute(chip)
    start(Run(2, 3), PROGRAM + 128)
    chip = golden.execute(chip)
    assert chip.error and chip.run is None
    state(golden.snapshot)
    chip = golden.clear(chip)
    start(Run(0))
    state(lambda chip: golden.head(chip, NONCE))
    return Evidence(
        ueid=chip.ueid,
        certificate=certificate.issue(MAKER_SEED, chip.ueid, chip.public_key),
        statements=dict(enumerate(statements)),
        challenges=(NONCE, NONCE[::-1]),
        record=bytes(record),
    )


SNAPSHOTS = range(1, 10)
HEAD_IN_RUN, STOPPED = 10, 11


def failures(evidence: Evidence) -> list[str]:
    report = verify(evidence, MAKER_KEY)
    return [
        f"{check.name} {check.statement}: {check.reason}"
        for check in report.checks
        if check.verdict is Verdict.REJECTED
    ]


def test_an_honest_run_is_explained_at_every_descriptor():
    report = verify(story(), MAKER_KEY)
    assert report.verdict is Verdict.VERIFIED
    roots = [check for check in report.checks if check.name == "root from record"]
    assert [check.statement for check in roots] == [*SNAPSHOTS, STOPPED]
    assert all(check.verdict is Verdict.VERIFIED for check in roots)
    counters = [check for check in report.checks if check.name == "counters"]
    assert len(counters) == len(story().statements)


@pytest.mark.parametrize("name, by", [("descriptor", 1), ("descriptor", -1), ("steps", 1), ("macs", 1), ("macs", -1)])
@pytest.mark.parametrize("seq", (4, 8))
def test_counters_that_lie(name, by, seq):
    """Even signed by the chip's own key."""
    from host.evidence.statement import parse

    value = getattr(parse(story().statements[seq]), name)
    found = failures(forged(story(), {seq: {name: value + by}}))
    assert any(f"{seq}:" in line for line in found), found


def altered(change: Callable[[list[Record]], None]) -> Evidence:
    """The evidence with another record; the chip's statements are as they were."""
    evidence = story()
    parsed = records.parse(evidence.record or b"")
    items = list(parsed.boots[1])
    change(items)
    data = records.header(evidence.ueid) + records.boot_item(1) + b"".join(map(records.record_item, items))
    return replace(evidence, record=data)


def test_the_record_alone_does_not_lie():
    assert failures(altered(lambda items: None)) == []


@pytest.mark.parametrize(
    "index, payload",
    (
        (0, bytes(1024)),
        (1, b"".join(descriptor.encode() for descriptor in reversed(program()))),
        (2, Run(3, 1, OPEN, SIZE).encode()),
        (2, Run(2, 3, OPEN, SIZE).encode()),
        (2, Run(3, 2, OPEN, OPEN + 16).encode()),
        (3, bytes(16)),
    ),
)
def test_an_altered_record_is_found(index, payload):
    def change(items: list[Record]) -> None:
        items[index] = replace(items[index], payload=payload)

    assert failures(altered(change))


def test_a_dropped_run_is_found():
    assert failures(altered(lambda items: items.pop(2)))  # type: ignore[arg-type,return-value]


def test_a_write_that_ought_to_have_waited_is_found():
    """A statement in the middle of a run, and a completed write outside its open window."""

    def change(items: list[Record]) -> None:
        items[3] = replace(items[3], address=0)

    assert any("descriptors before record 3" in line for line in failures(altered(change)))


def test_a_forced_snapshot_needs_its_pages():
    """A descriptor was interrupted: nobody can say what was in memory, but its pages can."""
    evidence = forged(story(), {9: {"cause": Cause.RANDOM_FORCED}})
    report = verify(evidence, MAKER_KEY)
    checks = [check for check in report.checks if check.statement == 9 and check.name.startswith("root")]
    assert [check.verdict for check in checks] == [Verdict.UNCHECKED]


def test_a_run_that_claims_to_be_endless_costs_what_the_statement_claims():
    endless = Record(RecordKind.RUN, PROGRAM, Run(2**32 - 1, 65535).encode())
    items = [*records.parse(story().record or b"").boots[1][:2], endless]
    moment = Replay(items, SIZE).to(Position(3, 0, 3))
    assert (moment.steps, moment.macs) == (1, 512 + 1024)
