"""The bench that tests of the command line work at."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import Livetrap, Result

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


@pytest.fixture
def flash(bench: Bench, livetrap: Livetrap) -> Livetrap:
    """`livetrap flash BOARD`, with a good build unless another is named."""

    def call(board: str, *arguments: object) -> Result:
        build = () if "--build" in arguments else ("--build", bench.build(board))
        return livetrap("flash", board, *build, *arguments)

    return call
