"""The computer that a board is attached to, as far as programming boards depends on it; tests make others."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


def _has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _packaged(name: str) -> Path | None:
    """A program that came as a Python package of the same name in lower case, or None."""
    spec = importlib.util.find_spec(name.lower())
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / name
    return path if path.is_file() else None


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


@dataclass(frozen=True)
class Machine:
    """root: of the file system, for /sys, /dev, /etc and libraries. search_path: where programs are looked for.

    library_path: where the loader looks for libraries first. may_use: whether this user may read and write a device.
    is_root: this user may do everything. has_module: whether a Python module is installed. packaged: the file of a
    program that a Python package brings, or None.
    """

    root: Path = Path("/")
    search_path: str = field(default_factory=lambda: os.environ.get("PATH", os.defpath))
    library_path: str = field(default_factory=lambda: os.environ.get("LD_LIBRARY_PATH", ""))
    may_use: Callable[[Path], bool] = _may_use
    is_root: bool = field(default_factory=lambda: os.geteuid() == 0)
    has_module: Callable[[str], bool] = _has_module
    packaged: Callable[[str], Path | None] = _packaged

    def program(self, name: str) -> Path | None:
        """The file that runs when `name` is called: one on the search path, else a packaged one; None if neither."""
        found = shutil.which(name, path=self.search_path)
        return Path(found) if found else self.packaged(name)

    def path(self, absolute: str) -> Path:
        """Where an absolute path of this machine lies for us."""
        return self.root / absolute.lstrip("/")
