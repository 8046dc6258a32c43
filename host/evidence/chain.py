"""The running digest over a chip's statements, as the Verifier recomputes it."""

from collections.abc import Iterable

from sim.golden.statement import chained

from .statement import ZEROS, Statement


def chain_after(statements: Iterable[Statement], chain: bytes = ZEROS) -> bytes:
    """The digest over all statements, in their order; `chain` is the one before the first of them."""
    for statement in statements:
        chain = chained(chain, statement.encoded)
    return chain
