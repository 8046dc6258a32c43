"""What was there: each snapshot's Merkle root from its pages, from the record, and single pages by proof."""

from collections.abc import Iterator

from formats.hashing import DIGEST_BYTES
from formats.statement import Kind
from host.errors import FieldError
from host.evidence import cbor
from host.evidence.statement import Statement
from sim.golden.merkle import inclusion_proof, leaf_digest, leaf_digests, root_from_proof, snapshot_root, tree_root

from .case import Case, finding, name_of
from .replays import Replays
from .report import Check, not_asked, rejected, unchecked, verified

PAGES, REPLAY, PROOF, ROOT = "root from pages", "root from record", "page by proof", "root"


def check_roots(case: Case, replays: Replays) -> Iterator[Check]:
    """For each snapshot: every way there is to its root. With single pages asked for, only those.

    replays: of the statements, from the record. A statement that the chip's key did not sign is left alone: nobody
    vouches for the sizes in it.
    """
    for seq, statement in case.in_order:
        if statement.kind is not Kind.SNAPSHOT:
            continue
        if seq not in case.signed:
            yield unchecked(ROOT, "the statement's signature is not verified", seq)
            continue
        wanted = [page for of, page in case.pages if of in (None, seq)]
        try:
            image = _replayed(statement, replays)
            if wanted:
                for page in wanted:
                    yield _single_page(case, statement, page, image)
            elif not case.pages:
                yield from _whole(case, statement, image)
        except FieldError as error:
            yield rejected(ROOT, error, seq)
    yield from _absent(case)


def _absent(case: Case) -> Iterator[Check]:
    """Pages that belong to no snapshot, and snapshots asked for that are not there."""
    snapshots = {seq for seq, statement in case.in_order if statement.kind is Kind.SNAPSHOT}
    for seq in sorted({*case.evidence.pages, *case.evidence.proofs} - snapshots):
        if seq in case.statements:
            error = FieldError(name_of(seq), "kind", "snapshot, as the evidence has pages of it", "another")
            yield rejected(ROOT, error, seq)
        elif seq not in case.evidence.statements:
            error = FieldError(name_of(seq), "seq", "a snapshot, as the evidence has pages of it", "none")
            yield rejected(ROOT, error, seq)
    for of, page in case.pages:
        if not snapshots or of not in (None, *snapshots):
            yield unchecked(PROOF, f"page {page}: there is no snapshot" + (f" {of}" if of is not None else ""), of)


def _replayed(statement: Statement, replays: Replays) -> bytes | None:
    """The memory that the record gives at the statement's position.

    None without a record that the statement's `inputs` are of, or when a descriptor was interrupted. Raises
    FieldError when the record does not lead to the position.
    """
    moment = replays.get(statement.seq)
    if isinstance(moment, FieldError):
        raise finding(moment, statement.seq) from moment
    return None if moment is None or statement.forced else moment.memory


def _pages(case: Case, statement: Statement) -> dict[int, bytes]:
    """The snapshot's pages in the evidence. Raises FieldError for one of another size or beyond the region."""
    pages = case.evidence.pages.get(statement.seq, {})
    for page, data in sorted(pages.items()):
        if page >= statement.pages:
            raise FieldError(name_of(statement.seq), f"page {page}", f"pages below {statement.pages}", str(page))
        if len(data) != statement.page_size:
            expected, found = f"{statement.page_size} bytes", str(len(data))
            raise FieldError(name_of(statement.seq), f"page {page}", expected, found)
    return pages


def _whole(case: Case, statement: Statement, image: bytes | None) -> Iterator[Check]:
    seq, pages = statement.seq, _pages(case, statement)
    proofs = case.evidence.proofs.get(seq, {})
    if image is not None:
        _compare(statement, snapshot_root(image, statement.page_size), "as the record gives")
        yield verified(REPLAY, "the record, re-executed to the statement's position, gives the root", seq)
        for page, data in sorted(pages.items()):
            _compare_page(statement, page, data, image)
    if len(pages) == statement.pages:
        leaves = [leaf_digest(pages[page]) for page in range(statement.pages)]
        _compare(statement, tree_root(leaves), "as the pages give")
        yield verified(PAGES, "the pages give the root", seq)
    for page in sorted(proofs):
        yield _single_page(case, statement, page, image)
    bare = [page for page in sorted(pages) if page not in proofs]
    if len(pages) == statement.pages or (proofs and not bare):
        return
    if image is None:
        missing = statement.pages - len(pages)
        reason = f"{missing} of {statement.pages} pages are missing, and there is no record that gives them"
        yield unchecked(PAGES, reason, seq)


def _single_page(case: Case, statement: Statement, page: int, image: bytes | None) -> Check:
    """A page by its stored proof, or by one made from the whole image."""
    seq, pages = statement.seq, _pages(case, statement)
    if page >= statement.pages:
        return unchecked(PROOF, f"page {page}: the snapshot has {statement.pages} pages", seq)
    data = pages.get(page)
    stored = case.evidence.proofs.get(seq, {}).get(page)
    if stored is not None:
        proof = _parse_proof(stored, statement, page)
    elif len(pages) == statement.pages:
        proof = inclusion_proof([leaf_digest(pages[index]) for index in range(statement.pages)], page)
    elif image is not None:
        proof = inclusion_proof(leaf_digests(image, statement.page_size), page)
    else:
        return unchecked(PROOF, f"page {page}: the evidence has no proof, and no record that gives one", seq)
    if data is None and image is None:
        return unchecked(PROOF, f"page {page} is missing", seq)
    if data is None and image is not None:
        data = image[page * statement.page_size : (page + 1) * statement.page_size]
    elif data is not None and image is not None:
        _compare_page(statement, page, data, image)
    try:
        root = root_from_proof(leaf_digest(data or b""), page, statement.pages, proof)
    except ValueError as error:
        raise FieldError(name_of(seq), f"proof of page {page}", "the path to the root", str(error)) from error
    _compare(statement, root, f"as page {page} and its proof give")
    return verified(PROOF, f"page {page} lies under the root", seq)


def _compare(statement: Statement, root: bytes, why: str) -> None:
    if root != statement.digest:
        raise FieldError(name_of(statement.seq), "digest", f"{root.hex()}, {why}", statement.digest.hex())


def _compare_page(statement: Statement, page: int, data: bytes, image: bytes) -> None:
    """Raises FieldError with the first byte in which a page differs from the record's."""
    expected = image[page * statement.page_size : (page + 1) * statement.page_size]
    if data != expected:
        at = next(index for index, pair in enumerate(zip(data, expected, strict=True)) if pair[0] != pair[1])
        wanted, found = f"byte {at} to be {expected[at]:#04x}, as the record gives", f"{data[at]:#04x}"
        raise FieldError(name_of(statement.seq), f"page {page}", wanted, found)


def _parse_proof(data: bytes, statement: Statement, page: int) -> list[bytes]:
    field = f"proof of page {page}"
    try:
        proof = cbor.decode(data)
    except cbor.CborError as error:
        raise FieldError(name_of(statement.seq), field, "deterministic CBOR", str(error)) from error
    items = proof if isinstance(proof, list) else [None]
    digests = [item for item in items if isinstance(item, bytes) and len(item) == DIGEST_BYTES]
    if len(digests) != len(items):
        expected = f"an array of digests of {DIGEST_BYTES} bytes"
        raise FieldError(name_of(statement.seq), field, expected, "another item")
    return digests


def not_asked_roots(case: Case) -> Iterator[Check]:
    """Says that whole roots are left out when single pages are asked for."""
    if case.pages:
        yield not_asked(ROOT, "whole roots: only single pages were asked for")
