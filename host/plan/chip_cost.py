"""What this project's chip would cost a fleet: measured cycles, the statement's size, and what follows from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from formats.statement import layout

from .burden import bytes_per_chip_year, stall_share
from .detection import SECONDS_PER_DAY
from .errors import PlanError

BENCH_FILE = Path("build/bench.json")
"""Written by `make bench`; relative to the repository."""
BENCH_ABSENT = "the chip's measured figures are not here: run `make bench`, which writes {path}"

_FIGURES = {
    "snapshot.stall_cycles": "stall_cycles",
    "snapshot.trigger_to_root_cycles": "trigger_to_root_cycles",
    "snapshot.root_to_signature_cycles": "root_to_signature_cycles",
    "snapshot.hash_bytes_per_cycle": "hash_bytes_per_cycle",
}


@dataclass(frozen=True)
class ChipMeasurements:
    """Of one snapshot of the chip's whole memory while it is being written, measured on the RTL.

    stall_cycles: in which the accelerator waited. trigger_to_root_cycles: until the hash is known.
    root_to_signature_cycles: from then until the statement is signed. hash_bytes_per_cycle: sustained.
    """

    stall_cycles: float
    trigger_to_root_cycles: float
    root_to_signature_cycles: float
    hash_bytes_per_cycle: float


@dataclass(frozen=True)
class ComplianceCost:
    """Of a fleet of such chips.

    stall_seconds: accelerator's wait in each snapshot. cluster_stall_share: of a synchronised cluster's time.
    statement_seconds: from the trigger to the signature, during which training goes on. whole_memory_seconds: to
    hash an accelerator's whole memory at this chip's rate. log_bytes_per_chip_year: signed statements only.
    evidence_bytes_per_chip_year: with the image of each snapshot kept too.
    """

    stall_seconds: float
    cluster_stall_share: float
    statement_seconds: float
    whole_memory_seconds: float
    whole_memory_share: float
    log_bytes_per_chip_year: float
    evidence_bytes_per_chip_year: float


def statement_bytes() -> int:
    """Size of one signed statement, the chip's log entry (formats/statement.cddl)."""
    return layout().statement_bytes


def read_measurements(path: Path) -> ChipMeasurements | None:
    """The figures of `make bench`, or None when there is no such file.

    Raises PlanError when the file is there and a figure is missing from it or is not a number.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from error
    try:
        known = json.loads(text)
    except ValueError as error:
        raise PlanError(f"{path}: not JSON; `make bench` writes it anew") from error
    return ChipMeasurements(**{field: _number(path, known, name) for name, field in _FIGURES.items()})


def _number(path: Path, known: object, name: str) -> float:
    figure = known.get(name) if isinstance(known, Mapping) else None
    value = figure.get("value") if isinstance(figure, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise PlanError(f"{path}: {name}: expected a number, found {value!r}; `make bench` writes it anew")
    return float(value)


def compliance_cost(
    measured: ChipMeasurements,
    clock_hertz: float,
    cluster_chips: float,
    snapshots_per_chip_day: float,
    memory_bytes: float,
) -> ComplianceCost:
    """What snapshots cost a synchronised cluster of cluster_chips whose accelerators have memory_bytes each, if the
    chip's cycles take 1/clock_hertz. Training never waits for the hash, so only stall_cycles stop the cluster.

    Raises PlanError unless clock_hertz is above 0.
    """
    if not clock_hertz > 0:
        raise PlanError(f"chip_clock_hertz: expected more than 0, found {clock_hertz:g}; 50e6 would do")
    stall_seconds = measured.stall_cycles / clock_hertz
    hashing = memory_bytes / measured.hash_bytes_per_cycle / clock_hertz if measured.hash_bytes_per_cycle else 0.0
    size = statement_bytes()
    return ComplianceCost(
        stall_seconds=stall_seconds,
        cluster_stall_share=stall_share(cluster_chips, snapshots_per_chip_day, stall_seconds),
        statement_seconds=(measured.trigger_to_root_cycles + measured.root_to_signature_cycles) / clock_hertz,
        whole_memory_seconds=hashing,
        whole_memory_share=snapshots_per_chip_day * hashing / SECONDS_PER_DAY,
        log_bytes_per_chip_year=bytes_per_chip_year(snapshots_per_chip_day, size),
        evidence_bytes_per_chip_year=bytes_per_chip_year(snapshots_per_chip_day, size + memory_bytes),
    )
