"""The bench that tests of the command line work at."""

from importlib import import_module
from pathlib import Path

import pytest

from .bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A made-up machine, which the command line takes for its own."""
    folder = tmp_path / "bench"
    folder.mkdir()
    bench = Bench(folder)
    for command in ("flash", "doctor"):
        # As an attribute of the package, the name is the command.
        monkeypatch.setattr(import_module(f"host.cli.{command}"), "this_machine", bench.machine)
    return bench
