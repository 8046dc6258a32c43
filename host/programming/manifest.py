"""What `livetrap build` left for a board: manifest.json, and the files that it names."""

import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards.board import Board, Tool
from formats.flash import SLOT_BYTES
from host.errors import LivetrapError

from . import bitstream_identity

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILE_BYTES = 64 << 20
ERASE_BYTES = 64 * 1024
"""Programmers may erase whole blocks of this size, whatever is to be written."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BUILD_ID = re.compile(r"[0-9a-f]{8,64}")


class ManifestError(LivetrapError):
    """A build's manifest, or a file of it, is not what it must be."""


@dataclass(frozen=True)
class Artifact:
    """A file of a build. what: it is, for people. offset: where in the flash it goes. data: what is in it."""

    what: str
    path: Path
    offset: int
    data: bytes

    @property
    def erased(self) -> range:
        """What a programmer may erase to write it."""
        start = self.offset // ERASE_BYTES * ERASE_BYTES
        return range(start, -(-(self.offset + len(self.data)) // ERASE_BYTES) * ERASE_BYTES)


@dataclass(frozen=True)
class Build:
    """A finished build. images: what goes to the chip's part of the flash; may be empty."""

    board: str
    part: str
    build_id: str
    bitstream: Artifact
    images: tuple[Artifact, ...]


def read(directory: Path) -> Build:
    """The build in a directory, with its files' digests checked. Raises ManifestError, or OSError."""
    path = directory / MANIFEST
    if not path.is_file():
        raise ManifestError(f"{directory}: no build is there ({MANIFEST} is missing): 'livetrap build' makes one")
    fields = _object(_parse(path), f"{path}")
    bitstream = _artifact(directory, _object(_key(fields, "bitstream", path), f"{path}: bitstream"), "bitstream")
    images = _key(fields, "images", path)
    if not isinstance(images, list):
        raise ManifestError(f"{path}: images is no list")
    return Build(
        board=_text(fields, "board", path),
        part=_text(fields, "part", path),
        build_id=_text(fields, "build_id", path, _BUILD_ID),
        bitstream=bitstream,
        images=tuple(_artifact(directory, _object(image, f"{path}: images")) for image in images),
    )


def check(build: Build, board: Board) -> None:
    """Raises LivetrapError unless the build is for this board, and each file goes where the board has room for it.

    The bitstream is asked itself which device it is for.
    """
    if build.board != board.name:
        raise ManifestError(f"the build is for {build.board}, not for {board.name}")
    if build.part != board.part:
        raise ManifestError(f"the build is for another part: {board.name} has {board.part}, this is for {build.part}")
    bitstream_identity.check(build.bitstream.data, board, build.build_id, str(build.bitstream.path))
    bitstream, chip = build.bitstream, range(board.flash_offset, board.fuse_offset)
    room = range(board.bitstream_offset, board.bitstream_offset + board.bitstream_room)
    if bitstream.offset != board.bitstream_offset:
        raise ManifestError(
            f"{bitstream.path}: the build puts it at {bitstream.offset:#x} in the flash, "
            f"{board.name} configures itself from {board.bitstream_offset:#x}"
        )
    _check_room(bitstream, room, "bitstream")
    for image in build.images:
        _check_room(image, chip, "chip's part of the flash")
        if image.offset % ERASE_BYTES or len(image.data) % SLOT_BYTES:
            raise ManifestError(
                f"{image.path}: {len(image.data)} bytes at {image.offset:#x} are not whole slots of {SLOT_BYTES}: "
                "what lies beside them would be erased"
            )
    erased = [image.erased for image in build.images]
    for one, other in itertools.combinations(erased, 2):
        if one.start < other.stop and other.start < one.stop:
            raise ManifestError(f"two images of the build overlap at {max(one.start, other.start):#x}")
    if board.programmer.tool is Tool.DFU_UTIL:
        for artifact in (bitstream, *build.images):
            if artifact.offset not in board.programmer.alternates:
                raise ManifestError(
                    f"{artifact.path}: {board.name}'s bootloader does not write at {artifact.offset:#x}"
                )


def _check_room(artifact: Artifact, room: range, name: str) -> None:
    end = artifact.offset + len(artifact.data)
    if artifact.offset < room.start or end > room.stop:
        excess = f", {end - room.stop} bytes too many" if end > room.stop else ""
        raise ManifestError(
            f"{artifact.path}: {len(artifact.data)} bytes at {artifact.offset:#x} do not fit into the {name}, "
            f"which is {room.start:#x} to {room.stop:#x}{excess}"
        )


def _parse(path: Path) -> Any:
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise ManifestError(f"{path}: larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path}: this is no JSON ({error})") from error


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{where}: this is no object")
    return value


def _key(fields: dict[str, Any], key: str, where: object) -> Any:
    if key not in fields:
        raise ManifestError(f"{where}: {key} is missing")
    return fields[key]


def _text(fields: dict[str, Any], key: str, where: object, form: re.Pattern[str] | None = None) -> str:
    value = _key(fields, key, where)
    if not isinstance(value, str) or not value or (form and not form.fullmatch(value)):
        raise ManifestError(f"{where}: {key} is not of its form: {value!r}")
    return value


def _artifact(directory: Path, fields: dict[str, Any], what: str | None = None) -> Artifact:
    manifest = directory / MANIFEST
    name, digest = _text(fields, "file", manifest), _text(fields, "sha256", manifest, _SHA256)
    if name != Path(name).name or name in (".", ".."):
        raise ManifestError(f"{manifest}: {name!r} is not the name of a file beside it")
    offset, path = _key(fields, "offset", manifest), directory / name
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise ManifestError(f"{manifest}: the offset of {name} is not a number of bytes: {offset!r}")
    if not path.is_file():
        raise ManifestError(f"{path}: the manifest names this file, and it is missing: build again")
    size = path.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        raise ManifestError(f"{path}: {size} bytes are none to write to a board")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ManifestError(f"{path}: this is not the file that was built (its SHA-256 differs): build again")
    return Artifact(what or _text(fields, "what", manifest), path, offset, data)
