"""Nothing is missing: seq from 0 without a gap, the chain over all statements, and an answered challenge."""

from collections.abc import Iterator

from formats.statement import Kind
from host.errors import FieldError
from host.evidence.chain import chain_after
from host.evidence.statement import ZEROS

from .case import Case, name_of
from .report import Check, rejected, unchecked, verified

SEQ, CHAIN, CHALLENGE = "seq continuity", "chain continuity", "challenge"

GAPS_NAMED = 8
"""Missing statements that are named one by one."""


def check_seq(case: Case) -> Iterator[Check]:
    """Every seq from 0 to the last is there; of those that are missing, the first GAPS_NAMED are rejected."""
    present = case.evidence.statements
    if not present:
        return
    last = max(present)
    named = 0
    if len(present) <= last:
        for seq in range(last):
            if seq in present:
                continue
            named += 1
            expected = f"a statement with each seq from 0 to {last}"
            yield rejected(SEQ, FieldError(name_of(seq), "seq", expected, "none with this one"), seq)
            if named == GAPS_NAMED:
                return
    if not named:
        yield verified(SEQ, f"statements 0 to {last} are all there")


def check_chain(case: Case) -> Iterator[Check]:
    """Each statement's chain is the digest over all before it; behind a gap, over those since the gap."""
    chain: bytes | None = ZEROS
    expected_seq = 0
    for seq, statement in case.in_order:
        if seq != expected_seq:
            chain = None
        if chain is not None and statement.chain != chain:
            error = FieldError(name_of(seq), "chain", chain.hex(), statement.chain.hex())
            yield rejected(CHAIN, error, seq)
        elif chain is not None:
            yield verified(CHAIN, "the chain is the digest over all statements before", seq)
        chain = chain_after([statement], statement.chain)
        expected_seq = seq + 1


def check_challenges(case: Case) -> Iterator[Check]:
    """A head statement over an inspector's nonce shows that nothing before it was cut off."""
    nonces = dict.fromkeys([*case.nonces, *case.evidence.challenges])
    answers = {statement.nonce: seq for seq, statement in case.in_order if statement.kind is Kind.HEAD}
    for nonce in nonces:
        if nonce in answers:
            seq = answers[nonce]
            reason = f"statement {seq} answers the nonce {nonce.hex()[:16]}...: nothing before it was cut off"
            yield verified(CHALLENGE, reason, seq)
        else:
            expected = f"a head statement over {nonce.hex()}"
            yield rejected(CHALLENGE, FieldError("log", "nonce", expected, "none"))
    if not nonces:
        yield unchecked(CHALLENGE, "no inspector's nonce: the log's end may have been cut off")
