"""Pulls evidence from a chip into a folder: what is there already is not read again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from formats.link import ChipError
from formats.statement import Kind
from host.answers import Info
from host.device import Device
from host.errors import EvidenceError, FieldError
from host.evidence import statement as statements
from host.evidence.folder import EvidenceFolder
from host.link.message import ChipRefusal

Progress = Callable[[str, int, int], None]
"""Called with what is being read, how many are done, and how many there are."""


@dataclass
class Pulled:
    """What one pull did. head: seq of the head statement over the nonce, None when the chip's log was full."""

    head: int | None = None
    new_statements: int = 0
    new_pages: int = 0
    statements: int = 0
    notices: list[str] = field(default_factory=list)


def _silent(what: str, done: int, total: int) -> None:
    pass


def pull(
    device: Device, folder: EvidenceFolder, nonce: bytes, pages: bool = True, progress: Progress = _silent
) -> Pulled:
    """Has a head statement made over `nonce`, and stores certificate, configuration, statements, events and pages.

    pages: False leaves the pages on the chip. Raises Fork when the chip and the folder have different statements
    of one seq, EvidenceError when the folder cannot be written, and what Device raises.
    """
    pulled = Pulled()
    info = device.info()
    if info.ueid != folder.ueid:
        raise EvidenceError(f"{folder.path} is the evidence of chip {folder.ueid.hex()}, not of {info.ueid.hex()}")
    with folder.writing():
        _pull_certificate(device, folder, pulled)
        folder.put_configuration(device.configuration().encode())
        try:
            pulled.head = device.attest(nonce)
        except ChipRefusal as refusal:
            if refusal.error is not ChipError.LOG_FULL:
                raise
            pulled.notices.append("the chip's log is full: it could not answer the challenge")
        end = info.seq if pulled.head is None else pulled.head + 1
        _pull_statements(device, folder, info, end, pulled, progress)
        if pulled.head is not None:
            folder.put_challenge(nonce)
        for event in device.events():
            folder.put_event(event.digest, event.encode())
        if pages:
            _pull_pages(device, folder, pulled, progress)
        pulled.statements = len(folder.seqs())
    return pulled


def _pull_certificate(device: Device, folder: EvidenceFolder, pulled: Pulled) -> None:
    certificate = device.certificate()
    if certificate is None:
        pulled.notices.append("the chip has no certificate yet")
    else:
        folder.put_certificate(certificate)


def _pull_statements(
    device: Device, folder: EvidenceFolder, info: Info, end: int, pulled: Pulled, progress: Progress
) -> None:
    """Statements below `end` that are not stored; and the newest stored one again, which shows a fork."""
    stored = set(folder.seqs())
    if stored:
        common = min(max(stored), end - 1)
        if common >= info.first and common in stored:
            folder.put_statement(common, device.statement(common))
    wanted = [seq for seq in range(info.first, end) if seq not in stored]
    for done, seq in enumerate(wanted):
        progress("statements", done, len(wanted))
        pulled.new_statements += folder.put_statement(seq, device.statement(seq))
    progress("statements", len(wanted), len(wanted))
    if stored and max(stored) >= end:
        pulled.notices.append(f"the folder has statements up to {max(stored)}, the chip only up to {end - 1}")


def _pull_pages(device: Device, folder: EvidenceFolder, pulled: Pulled, progress: Progress) -> None:
    """Pages of the newest snapshot, whose image the chip keeps until the next one."""
    newest = next((seq for seq in reversed(folder.seqs()) if _is_snapshot(folder, seq)), None)
    if newest is None:
        return
    found = statements.parse(folder.statement(newest) or b"", f"statement {newest}")
    missing = [page for page in range(found.pages) if folder.page(newest, page) is None]
    for done, page in enumerate(missing):
        progress(f"pages of snapshot {newest}", done, len(missing))
        try:
            data = device.read_page(newest, page, found.page_size)
        except ChipRefusal as refusal:
            if refusal.error not in (ChipError.SUPERSEDED, ChipError.NOT_FOUND):
                raise
            pulled.notices.append(f"snapshot {newest}: {len(missing) - done} of {found.pages} pages: {refusal}")
            return
        pulled.new_pages += folder.put_page(newest, page, data)
    progress(f"pages of snapshot {newest}", len(missing), len(missing))


def _is_snapshot(folder: EvidenceFolder, seq: int) -> bool:
    try:
        return statements.parse(folder.statement(seq) or b"").kind is Kind.SNAPSHOT
    except FieldError:
        return False
