"""The order of the checks."""

from collections.abc import Sequence
from dataclasses import replace

from formats.statement import Kind
from host.evidence.folder import Evidence

from .case import Case
from .certified import check_certified
from .continuity import check_chain, check_challenges, check_seq
from .counters import check_counters
from .firmware import ReferenceValue, check_firmware, check_reference
from .identity import check_certificate, check_forks, check_forms, check_signatures
from .inputs import check_inputs, check_record, trigger_rates
from .replays import replays
from .report import Check, Report, Verdict
from .roots import check_roots, not_asked_roots
from .rules import check_rules
from .truncation import check_configuration, check_errors, check_truncations


def verify(
    evidence: Evidence,
    maker_key: bytes,
    nonces: Sequence[bytes] = (),
    pages: Sequence[tuple[int | None, int]] = (),
    references: Sequence[ReferenceValue] = (),
) -> Report:
    """Everything that the evidence can show, in a fixed order; never raises for what the evidence holds.

    maker_key: 32 bytes, all that is trusted. nonces: inspector's challenges that a head statement must answer.
    pages: (seq of a snapshot, or None for each; page), to ask for these pages by Merkle proof instead of whole
    roots. references: firmware that alone may have run; any, if there are none.
    """
    certificate, certificate_check = check_certificate(evidence, maker_key)
    statements, form_checks = check_forms(evidence)
    record, record_checks = check_record(evidence)
    signed, signature_checks = check_signatures(statements, certificate)
    case = Case(evidence, maker_key, certificate, statements, signed, record, tuple(nonces), tuple(pages))
    checks: list[Check] = [certificate_check, *form_checks, *signature_checks]
    configuration, configuration_checks = check_configuration(case)
    checks += [*check_certified(case), *configuration_checks, *check_rules(case)]
    checks += [*check_firmware(case), *check_reference(case, references)]
    checks += [*check_truncations(case, configuration), *check_errors(case)]
    checks += [*check_seq(case), *check_chain(case), *check_forks(case), *check_challenges(case)]
    input_checks = list(check_inputs(case))
    moments = replays(case, {check.statement for check in input_checks if check.verdict is Verdict.VERIFIED})
    checks += [*record_checks, *input_checks, *check_counters(case, moments)]
    checks += [*check_roots(case, moments), *not_asked_roots(case)]
    snapshots = sum(statement.kind is Kind.SNAPSHOT for statement in statements.values())
    return Report(tuple(checks), len(evidence.statements), snapshots, trigger_rates(case))


def with_record(evidence: Evidence, record: bytes) -> Evidence:
    """The evidence with another record of what was loaded than the folder's own."""
    return replace(evidence, record=record)
