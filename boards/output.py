"""The folder that a finished build is handed over in: what `livetrap flash` writes, and what describes it."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from boards.board import Board
from boards.build import REPORT, Built, bitstream_name
from boards.chip import Chip
from boards.flow.family import Family

MANIFEST = "manifest.json"
SLOT_A = "slot-a.bin"


def clear(directory: Path) -> None:
    """Takes an earlier build out of a folder, and nothing else, so that nobody flashes it for a later one."""
    manifest = directory / MANIFEST
    manifest.unlink(missing_ok=True)
    for name in (SLOT_A, REPORT, *map(bitstream_name, Family)):
        (directory / name).unlink(missing_ok=True)


def write(board: Board, chip: Chip, built: Built, directory: Path) -> dict[str, Any]:
    """Fills a folder, which is made if need be, and returns its manifest; that is written last.

    manifest.json: {board, config, part, build_id, bitstream: {file, sha256, offset}, images: [{file, sha256, offset,
    what}]}; offsets are those of the board's flash, sha256 in hexadecimal digits.
    """
    clear(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for source in (built.bitstream, built.directory / REPORT):
        shutil.copyfile(source, directory / source.name)
    for name, contents in {**chip.files, SLOT_A: chip.slot}.items():
        (directory / name).write_bytes(contents)
    manifest = {
        "board": board.name,
        "config": board.config,
        "part": board.part,
        "build_id": built.report.build_id,
        "bitstream": _entry(directory / built.bitstream.name, board.bitstream_offset),
        "images": [{**_entry(directory / SLOT_A, board.flash_offset), "what": "firmware, slot A"}],
    }
    unfinished = directory / f"{MANIFEST}.part"
    unfinished.write_text(json.dumps(manifest, indent=1) + "\n")
    unfinished.replace(directory / MANIFEST)
    return manifest


def _entry(path: Path, offset: int) -> dict[str, Any]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "offset": offset}
