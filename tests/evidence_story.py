"""Evidence of a golden chip's life, whole and honest, and ways to falsify it with the chip's own key."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from formats.configuration import Configuration
from formats.hashing import Domain
from formats.records import Record, RecordKind
from formats.statement import Cause, Kind, layout
from host.evidence import certificate, records
from host.evidence.folder import Evidence, EvidenceFolder
from host.evidence.signature import public_key
from host.evidence.statement import parse
from sim.golden import chip as golden
from sim.golden import statement as golden_statement
from sim.golden.keccak import turboshake128

MAKER_SEED = bytes(range(32))
MAKER_KEY = public_key(MAKER_SEED)
CHIP_ID = bytes.fromhex("00112233445566778899aabbccddeeff")
CHIP_SEED = bytes(range(64, 96))
NONCE = bytes(range(1, 33))
SNAPSHOT_NONCE = bytes(range(2, 34))
PAGES = 3
"""Of the chip's memory."""

CONFIGURATION = Configuration(bytes.fromhex("00000001") + bytes(range(48))).encode()
FIRMWARE = b"\x77" * 32


def new_chip(configuration: bytes = CONFIGURATION) -> golden.Chip:
    """A development chip that has never booted."""
    digest = turboshake128(configuration, Domain.CONFIGURATION)
    return golden.Chip(CHIP_ID, CHIP_SEED, pages=PAGES, measurement=FIRMWARE, configuration=digest)


def certified(chip: golden.Chip) -> bytes:
    """The chip's certificate chain, without authorities."""
    issued = certificate.issue(MAKER_SEED, chip.ueid, chip.public_key, chip.lifecycle, chip.configuration)
    return certificate.Chain(issued, ()).encoded


@dataclass(frozen=True)
class Story:
    """evidence: everything, pages of every snapshot and the record included. images: memory at each snapshot."""

    evidence: Evidence
    images: dict[int, bytes]


@cache
def story() -> Story:
    """Two boots. 0 boot, 1 random snapshot, 2 random snapshot within a record, 3 head, 4 host snapshot,
    5 challenged snapshot, 6 boot, 7 random snapshot stated after 8 head, 9 head over NONCE; see the code for order.
    """
    random = Random(1)
    chip = new_chip()
    statements: list[bytes] = []
    images: dict[int, bytes] = {}
    record = bytearray(records.header(chip.ueid))

    def boot() -> None:
        nonlocal chip
        chip, made = golden.boot(chip)
        record.extend(records.boot_item(chip.bootcount))
        statements.append(made)

    def record_of(address: int, size: int) -> Record:
        item = Record(RecordKind.WRITE, address, random.randbytes(size))
        record.extend(records.record_item(item))
        return item

    def snapshot(cause: Cause, nonce: bytes = golden.ZEROS) -> None:
        nonlocal chip
        images[chip.seq] = chip.memory
        chip, made = golden.snapshot(golden.wait(chip, 500), cause, nonce)
        statements.append(made)

    def head(nonce: bytes) -> None:
        nonlocal chip
        chip, made = golden.head(golden.wait(chip, 50), nonce)
        statements.append(made)

    boot()
    rate = Record(RecordKind.TRIGGER_RATE, 0, (1 << 50).to_bytes(8, "little"))
    record.extend(records.record_item(rate))
    chip = golden.take(chip, rate)
    for address in (0, 1024, 4096):
        chip = golden.take(golden.wait(chip, 30), record_of(address, 1024))
    snapshot(Cause.RANDOM)
    chip = golden.begin(golden.wait(chip, 30), record_of(512, 800), 41)
    snapshot(Cause.RANDOM)
    chip = golden.complete(chip)
    head(NONCE[::-1])
    snapshot(Cause.HOST)
    snapshot(Cause.CHALLENGE, SNAPSHOT_NONCE)
    boot()
    chip = golden.take(chip, record_of(8, 64))
    snapshot(Cause.RANDOM)
    head(NONCE)
    size = chip.page_size
    evidence = Evidence(
        ueid=chip.ueid,
        certificate=certified(chip),
        statements=dict(enumerate(statements)),
        pages={
            seq: {page: image[page * size : (page + 1) * size] for page in range(PAGES)}
            for seq, image in images.items()
        },
        challenges=(NONCE, NONCE[::-1]),
        record=bytes(record),
        configuration=CONFIGURATION,
    )
    return Story(evidence, images)


def honest() -> Evidence:
    return story().evidence


def values_of(data: bytes) -> dict[str, int | bytes]:
    """The claims of a statement, as `golden_statement.encode` takes them."""
    found = parse(data)
    return {claim.name: getattr(found, claim.name) for claim in layout().claims if claim.text is None}


def forged(evidence: Evidence, patches: Mapping[int, Mapping[str, int | bytes]], seed: bytes = CHIP_SEED) -> Evidence:
    """The evidence with some claims changed, signed and chained anew: what a chip that lies would send."""
    statements: dict[int, bytes] = {}
    chain = golden.ZEROS
    for seq, data in sorted(evidence.statements.items()):
        values = {**values_of(data), "chain": chain, **patches.get(seq, {})}
        statements[seq] = golden_statement.encode(values, seed)
        chain = golden_statement.chained(chain, statements[seq])
    return replace(evidence, statements=statements)


def write(evidence: Evidence, path: Path) -> EvidenceFolder:
    """The evidence as a folder."""
    folder = EvidenceFolder.create(path, evidence.ueid)
    if evidence.certificate is not None:
        folder.put_certificate(evidence.certificate)
    if evidence.configuration is not None:
        folder.put_configuration(evidence.configuration)
    for data in evidence.approvals:
        folder.put_approval(turboshake128(data, Domain.APPROVAL), data)
    for data in evidence.events:
        folder.put_event(turboshake128(data, Domain.EVENT), data)
    for seq, data in evidence.statements.items():
        folder.put_statement(seq, data)
    for seq, pages in evidence.pages.items():
        for page, data in pages.items():
            folder.put_page(seq, page, data)
    for nonce in evidence.challenges:
        folder.put_challenge(nonce)
    if evidence.record is not None:
        folder.put_record(evidence.record)
    return folder


BOOT, MID_RECORD, HEAD, SECOND_BOOT, LAST_SNAPSHOT, LAST = 0, 2, 3, 6, 7, 8
"""Statements of the story that tests name."""

KINDS = [
    Kind.BOOT,
    Kind.SNAPSHOT,
    Kind.SNAPSHOT,
    Kind.HEAD,
    Kind.SNAPSHOT,
    Kind.SNAPSHOT,
    Kind.BOOT,
    Kind.SNAPSHOT,
    Kind.HEAD,
]
