"""The chip is still what was certified: the same configuration, and a lifecycle that has only gone on."""

from collections.abc import Iterator

from host.errors import FieldError

from .case import Case, name_of
from .report import Check, rejected, verified

CERTIFIED = "certified"


def check_certified(case: Case) -> Iterator[Check]:
    """Configuration and lifecycle of each statement against the certificate's, when there is one."""
    certificate = case.certificate
    if certificate is None:
        return
    for seq, statement in case.in_order:
        name = name_of(seq)
        if statement.configuration != certificate.configuration:
            expected = f"the certified {certificate.configuration.hex()}"
            error = FieldError(name, "configuration", expected, statement.configuration.hex())
            yield rejected(CERTIFIED, error, seq)
        elif statement.lifecycle < certificate.lifecycle:
            expected = f"at least {certificate.lifecycle.name.lower()}, as certified"
            error = FieldError(name, "lifecycle", expected, statement.lifecycle.name.lower())
            yield rejected(CERTIFIED, error, seq)
        else:
            yield verified(CERTIFIED, "configuration and lifecycle go with the certificate", seq)
