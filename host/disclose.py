"""Cuts evidence down to single pages of a snapshot, each with its Merkle proof."""

from collections.abc import Sequence
from pathlib import Path

from formats.hashing import Domain
from formats.statement import Kind
from host.errors import EvidenceError, FieldError
from host.evidence import approval, records, statement
from host.evidence.folder import Evidence, EvidenceFolder
from host.evidence.replay import Position, Replay
from host.evidence.statement import Statement
from sim.golden.keccak import turboshake128
from sim.golden.merkle import inclusion_proof, leaf_digests


def disclose(evidence: Evidence, out: Path, pages: Sequence[tuple[int, int]]) -> EvidenceFolder:
    """A folder with all statements and, of the images, only the given (seq, page) with proofs; no record.

    out: a folder that is new or empty, so that nothing else can lie in it. Raises EvidenceError when it is not, or
    when a page is not there and cannot be had from the record; nothing is written then.
    """
    if out.is_dir() and any(out.iterdir()):
        raise EvidenceError(f"{out}: not empty; pages are disclosed to a new folder")
    disclosed = [(seq, page, *_page_and_proof(evidence, seq, page)) for seq, page in pages]
    folder = EvidenceFolder.create(out, evidence.ueid)
    with folder.writing():
        if evidence.certificate is not None:
            folder.put_certificate(evidence.certificate)
        if evidence.configuration is not None:
            folder.put_configuration(evidence.configuration)
        for seq, data in evidence.statements.items():
            folder.put_statement(seq, data)
        for data in evidence.approvals:
            folder.put_approval(approval.digest_of(data), data)
        for data in evidence.events:
            folder.put_event(turboshake128(data, Domain.EVENT), data)
        for nonce in evidence.challenges:
            folder.put_challenge(nonce)
        for seq, page, content, proof in disclosed:
            folder.put_page(seq, page, content)
            folder.put_proof(seq, page, proof)
    return folder


def _page_and_proof(evidence: Evidence, seq: int, page: int) -> tuple[bytes, list[bytes]]:
    found = _snapshot(evidence, seq)
    if page >= found.pages:
        raise EvidenceError(f"statement {seq} has {found.pages} pages: there is no page {page}")
    image = image_of(evidence, found)
    if image is None:
        raise EvidenceError(f"statement {seq}: its pages are not all there, and no record gives them")
    size = found.page_size
    return image[page * size : (page + 1) * size], inclusion_proof(leaf_digests(image, size), page)


def image_of(evidence: Evidence, found: Statement) -> bytes | None:
    """A snapshot's memory: its pages if all are there, else as the record replays it; unverified."""
    pages = evidence.pages.get(found.seq, {})
    if len(pages) == found.pages:
        return b"".join(pages[page] for page in sorted(pages))
    if evidence.record is None:
        return None
    try:
        boot = records.parse(evidence.record).boots.get(found.bootcount)
        if boot is None or found.forced:
            return None
        position = Position(found.records, found.words, found.descriptor)
        return Replay(boot, found.pages * found.page_size).to(position).memory
    except FieldError:
        return None


def _snapshot(evidence: Evidence, seq: int) -> Statement:
    data = evidence.statements.get(seq)
    if data is None:
        raise EvidenceError(f"the evidence has no statement {seq}")
    found = statement.parse(data, f"statement {seq}")
    if found.kind is not Kind.SNAPSHOT:
        raise EvidenceError(f"statement {seq} is a {found.kind.name.lower()} statement, not a snapshot")
    return found
