"""The training transcript T = {M, D, W} of one run (paper 1.6), as a folder that the Prover keeps.

    commitment.json        M and what binds D, fixed before the first record: its digest is in the precommit statement
    data.digests           the salted digest of each training example, 32 bytes each, in dataset order
    precommit/             BOOTCOUNT.cose: the chip's signed precommit statement of each boot
    record.cborseq         every ingest record (host/evidence/records.py): the run's inputs, byte for byte
    checkpoints/           STEP.safetensors: every tensor of the state, without metadata
    manifest.json          checkpoints with their digests, the counters, and the boots that the run spans
    vault/salt.key         the 32-byte key of the examples' salts: secret

Digests of files are TurboSHAKE128(file, D=TRANSCRIPT). JSON is canonical: sorted keys, no spaces, no fractions.
Files appear whole or not at all.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from formats.hashing import Domain
from host.errors import EvidenceError
from sim.golden.keccak import turboshake128

FORMAT = "urn:livetrap:transcript:v1"
COMMITMENT, MANIFEST, DATA_DIGESTS = "commitment.json", "manifest.json", "data.digests"
RECORD, CHECKPOINTS, PRECOMMIT, SALT_KEY = "record.cborseq", "checkpoints", "precommit", "vault/salt.key"

Tensors = Mapping[str, NDArray[Any]]


def file_digest(data: bytes) -> bytes:
    """The 32-byte digest under which a transcript names a file."""
    return turboshake128(data, Domain.TRANSCRIPT)


def canonical_json(value: object) -> bytes:
    """The one encoding of a value of objects, arrays, strings, integers, booleans and null.

    Raises ValueError for anything else: a float has more than one decimal form.
    """
    _check_canonical(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _check_canonical(value: object) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key of a canonical object is a string")
        for item in value.values():
            _check_canonical(item)
    elif isinstance(value, list):
        for item in value:
            _check_canonical(item)
    elif not (value is None or isinstance(value, (str, int))):
        raise ValueError(f"{value!r} has no canonical form")


@dataclass(frozen=True)
class Checkpoint:
    """State after `step` steps and `runs` planned runs. file: under the folder. digest: of the file, hexadecimal."""

    step: int
    runs: int
    file: str
    digest: str


@dataclass(frozen=True)
class Session:
    """A boot in which a part of the run was made, from after `first_run` planned runs on.

    precommit: seq of its precommit statement. macs_before: the chip's life-time count at that boot. records, steps,
    descriptors, macs: of this boot, at the session's last checkpoint.
    """

    bootcount: int
    first_run: int
    precommit: int
    macs_before: int
    records: int = 0
    steps: int = 0
    descriptors: int = 0
    macs: int = 0


@dataclass
class Manifest:
    """What a transcript says of the run so far. ueid and commitment are hexadecimal."""

    ueid: str
    commitment: str
    sessions: list[Session] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    complete: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole run."""
        return sum(session.macs for session in self.sessions)

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical_json({"format": FORMAT, **asdict(self)})

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parses what `encode` made. Raises ValueError for anything else."""
        try:
            content = json.loads(data)
            if content.pop("format") != FORMAT:
                raise ValueError("another format")
            content["sessions"] = [Session(**each) for each in content["sessions"]]
            content["checkpoints"] = [Checkpoint(**each) for each in content["checkpoints"]]
            manifest = cls(**content)
            if manifest.encode() != data:
                raise ValueError("not canonical")
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("not a transcript's manifest") from error
        return manifest


class Transcript:
    """The transcript folder at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def record(self) -> Path:
        """File of the ingest records."""
        return self.path / RECORD

    @classmethod
    def create(cls, path: Path, commitment: Mapping[str, object], data_digests: bytes, salt_key: bytes) -> Self:
        """A new folder with what is fixed before training. Raises EvidenceError if there is something already."""
        transcript = cls(path)
        try:
            if path.exists() and any(path.iterdir()):
                raise EvidenceError(f"{path}: not empty: --resume continues a transcript that is there")
            for folder in (CHECKPOINTS, PRECOMMIT):
                (path / folder).mkdir(parents=True, exist_ok=True)
            (path / SALT_KEY).parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EvidenceError(f"{path}: {error.strerror or error}") from error
        transcript.put(SALT_KEY, salt_key)
        transcript.put(DATA_DIGESTS, data_digests)
        transcript.put(COMMITMENT, canonical_json(commitment))
        return transcript

    @classmethod
    def open(cls, path: Path) -> tuple[Self, Manifest]:
        """A folder that `create` made and that has a manifest. Raises EvidenceError when it is not whole."""
        transcript = cls(path)
        if (path / COMMITMENT).exists() and not (path / MANIFEST).exists():
            raise EvidenceError(f"{path}: interrupted before the first step: begin anew, with another folder")
        try:
            manifest = Manifest.decode(transcript.get(MANIFEST))
        except ValueError as error:
            raise EvidenceError(f"{path / MANIFEST}: {error}") from error
        if file_digest(transcript.get(COMMITMENT)).hex() != manifest.commitment:
            raise EvidenceError(f"{path / COMMITMENT}: not what the manifest names: its digest is another")
        return transcript, manifest

    def commitment(self) -> dict[str, Any]:
        """The commitment's contents. Raises EvidenceError when they are not a JSON object."""
        try:
            content = json.loads(self.get(COMMITMENT))
        except ValueError as error:
            raise EvidenceError(f"{self.path / COMMITMENT}: not JSON") from error
        if not isinstance(content, dict):
            raise EvidenceError(f"{self.path / COMMITMENT}: not an object")
        return content

    def commitment_digest(self) -> bytes:
        """What goes into the precommit statement."""
        return file_digest(self.get(COMMITMENT))

    def put(self, name: str, data: bytes) -> None:
        """Writes a file of the folder, whole or not at all. Raises EvidenceError when it cannot."""
        target = self.path / name
        temporary = None
        try:
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as file:
                temporary = file.name
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError as error:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            raise EvidenceError(f"{target}: {error.strerror or error}") from error

    def get(self, name: str) -> bytes:
        """A file of the folder. Raises EvidenceError when it cannot be read."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise EvidenceError(f"{self.path / name}: {error.strerror or error}") from error

    def put_checkpoint(self, manifest: Manifest, step: int, runs: int, tensors: Tensors) -> None:
        """Writes the state after so many steps and planned runs, and then the manifest that names it."""
        from safetensors.numpy import save

        name = f"{CHECKPOINTS}/{step:08d}.safetensors"
        data = save({key: np.ascontiguousarray(value) for key, value in tensors.items()})
        self.put(name, data)
        checkpoint = Checkpoint(step, runs, name, file_digest(data).hex())
        manifest.checkpoints = [each for each in manifest.checkpoints if each.step != step] + [checkpoint]
        self.put(MANIFEST, manifest.encode())

    def checkpoint(self, checkpoint: Checkpoint) -> dict[str, NDArray[Any]]:
        """The tensors of a checkpoint. Raises EvidenceError when the file is not the one that the manifest names."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        data = self.get(checkpoint.file)
        if file_digest(data).hex() != checkpoint.digest:
            raise EvidenceError(f"{self.path / checkpoint.file}: not the checkpoint that the manifest names")
        try:
            tensors: dict[str, NDArray[Any]] = load(data)
        except SafetensorError as error:
            raise EvidenceError(f"{self.path / checkpoint.file}: {error}") from error
        return tensors
