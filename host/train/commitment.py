"""What a Prover commits to before a run: M, and what binds D (paper 1.6)."""

from pathlib import Path
from typing import Any

from formats.descriptor import DESCRIPTOR_BYTES
from host.errors import EvidenceError

from .transcript import DATA_DIGESTS, file_digest
from .workload import Workload
from .workloads import WORKLOADS

CODE = ("host/train", "sim/golden", "formats")
"""Folders whose Python files decide what a run computes."""


def code_digest() -> bytes:
    """Digest over the names and contents of the source files in CODE."""
    root = Path(__file__).parents[2]
    parts = []
    for path in sorted(path for folder in CODE for path in (root / folder).rglob("*.py")):
        name, content = path.relative_to(root).as_posix().encode(), path.read_bytes()
        parts += [len(name).to_bytes(8, "little"), name, len(content).to_bytes(8, "little"), content]
    return file_digest(b"".join(parts))


def commitment_of(workload: Workload, seed: bytes, randomness: bytes, digests: list[bytes]) -> dict[str, Any]:
    """M and the bindings of D, for a transcript's commitment.json.

    seed: of the run; randomness: the Verifier's part of it; digests: salted, of the examples in dataset order.
    """
    initial = [
        {"address": address, "bytes": len(data), "digest": file_digest(data).hex()}
        for address, data in workload.initial_records(seed)
    ]
    programs = {epoch: workload.programs(epoch) for epoch in range(1, workload.epochs + 1)}
    return {
        "model": {
            "workload": workload.name,
            "code": code_digest().hex(),
            "hyperparameters": dict(workload.hyperparameters),
            "seed": seed.hex(),
            "randomness": randomness.hex(),
            "programs": [
                {
                    "from_epoch": epoch,
                    "address": address,
                    "descriptors": len(data) // DESCRIPTOR_BYTES,
                    "digest": file_digest(data).hex(),
                }
                for epoch, program in programs.items()
                if epoch == 1 or program != programs[epoch - 1]
                for address, data in program
            ],
            "initial_memory": initial,
        },
        "data": {
            "examples": len(digests),
            "file": DATA_DIGESTS,
            "digest": file_digest(b"".join(digests)).hex(),
            "steps": workload.steps,
        },
        "memory_map": workload.layout.as_json(),
    }


def workload_of(commitment: dict[str, Any]) -> tuple[Workload, bytes]:
    """The workload and the seed that a commitment names. Raises EvidenceError if this code makes another of it."""
    try:
        model = commitment["model"]
        workload = WORKLOADS[model["workload"]](**model["hyperparameters"])
        seed = bytes.fromhex(model["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"the commitment names no workload that can be made: {error}") from error
    if model.get("code") != code_digest().hex():
        raise EvidenceError("the commitment was made by another version of this code: resume with that version")
    return workload, seed
