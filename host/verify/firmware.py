"""Which firmware ran: it changes only as the chip announced, and, when they are given, to reference values alone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from formats.hashing import DIGEST_BYTES
from formats.otp import Lifecycle
from formats.statement import Kind
from host.errors import EvidenceError, FieldError
from host.evidence.statement import ZEROS

from .case import Case, name_of
from .report import Check, rejected, verified

FIRMWARE, REFERENCE = "firmware", "reference values"


@dataclass(frozen=True)
class ReferenceValue:
    """Of a Reference Value Provider (RFC 9334): firmware that may run. measurement: 32 bytes."""

    measurement: bytes
    security_version: int | None = None


def read_reference(path: Path) -> ReferenceValue:
    """The reference value in a measurement.json, as `livetrap firmware sign` writes it beside an image.

    Raises EvidenceError for a file that is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        measurement = bytes.fromhex(content["measurement"])
        version = content.get("security_version")
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvidenceError(f"{path}: not a JSON object with a measurement in hex") from error
    is_version = isinstance(version, int) and not isinstance(version, bool) and version >= 0
    if len(measurement) != DIGEST_BYTES or not (version is None or is_version):
        raise EvidenceError(f"{path}: a measurement has {DIGEST_BYTES} bytes, a security version is a number")
    return ReferenceValue(measurement, version)


def check_firmware(case: Case) -> Iterator[Check]:
    """One check for each boot and each update statement.

    At a boot the measurement is that of the boot before, one that an update statement before announced, or one that
    ran before: a roll-back. A development chip may run others, which is told; from production on they are rejected.
    """
    ran: dict[bytes, int] = {}
    announced: set[bytes] = set()
    running: bytes | None = None
    for seq, statement in case.in_order:
        name, measurement = name_of(seq), statement.firmware
        if statement.kind is Kind.UPDATE:
            if statement.digest == ZEROS:
                yield rejected(FIRMWARE, FieldError(name, "digest", "the announced measurement", "zeros"), seq)
            else:
                announced.add(statement.digest)
                yield verified(FIRMWARE, f"announces firmware {statement.digest.hex()[:16]}...", seq)
        if statement.kind is not Kind.BOOT:
            continue
        if running is None or measurement == running:
            yield verified(FIRMWARE, f"firmware {measurement.hex()[:16]}... runs", seq)
        elif measurement in ran:
            reason = f"firmware {measurement.hex()[:16]}... runs again, as in statement {ran[measurement]}"
            yield verified(FIRMWARE, reason, seq)
        elif measurement in announced:
            yield verified(FIRMWARE, f"firmware {measurement.hex()[:16]}... runs, as it was announced", seq)
        elif statement.lifecycle is Lifecycle.DEVELOPMENT:
            reason = f"firmware {measurement.hex()[:16]}... runs, which nothing announced: this is a development chip"
            yield verified(FIRMWARE, reason, seq)
        else:
            expected = f"{running.hex()}, or one that was announced or ran before"
            yield rejected(FIRMWARE, FieldError(name, "firmware", expected, measurement.hex()), seq)
        running = measurement
        ran.setdefault(measurement, seq)


def check_reference(case: Case, references: Sequence[ReferenceValue]) -> Iterator[Check]:
    """The firmware of each boot statement against the reference values, if there are any."""
    if not references:
        return
    known = {reference.measurement: reference for reference in references}
    for seq, statement in case.in_order:
        if statement.kind is not Kind.BOOT:
            continue
        name, reference = name_of(seq), known.get(statement.firmware)
        if reference is None:
            expected = f"one of {len(known)} reference values"
            yield rejected(REFERENCE, FieldError(name, "firmware", expected, statement.firmware.hex()), seq)
        elif reference.security_version not in (None, statement.security_version):
            expected, found = f"{reference.security_version}, as the reference value", str(statement.security_version)
            yield rejected(REFERENCE, FieldError(name, "security_version", expected, found), seq)
        else:
            yield verified(REFERENCE, "the firmware is a reference value", seq)
