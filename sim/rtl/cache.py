"""Build products kept under build/, each made once whatever the number of processes that want it."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build"
"""Where everything goes that is built: build/ at the root of the checkout."""


def digest(parts: Iterable[str]) -> str:
    """16 hexadecimal digits that change when any of the parts does."""
    state = hashlib.sha256()
    for part in parts:
        state.update(hashlib.sha256(part.encode()).digest())
    return state.hexdigest()[:16]


def built_once(directory: Path, build: Callable[[Path], None]) -> Path:
    """Returns `directory`, after `build` has filled it if it does not exist yet.

    `build` gets an empty directory beside it, which is renamed when `build` returns: `directory` is whole
    whenever it exists. A file lock lets other processes that ask for the same directory wait, and then share
    it. Whatever `build` raises is passed on and leaves nothing behind.
    """
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.with_name(directory.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if directory.is_dir():
            return directory
        for abandoned in directory.parent.glob(f"{directory.name}.*/"):
            shutil.rmtree(abandoned)
        unfinished = directory.with_name(f"{directory.name}.{os.getpid()}")
        unfinished.mkdir()
        try:
            build(unfinished)
            unfinished.rename(directory)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return directory
