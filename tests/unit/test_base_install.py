"""What the base install does not bring is asked for in one line: the emulator, and the demonstration's data."""

import sys

import pytest

from host.cli import run
from host.errors import LivetrapError
from host.train.digits import load_data


@pytest.mark.parametrize("command", [["sim"], ["info", "--port", "sim"], ["demo"]])
def test_without_the_emulator(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rtl.config", None)
    assert run(command) == 2
    said = capsys.readouterr()
    assert said.err.startswith("livetrap: ") and said.err.count("\n") == 1
    assert said.err.endswith("run pip install '.[emulator]' in livetrap's repository\n")


def test_without_the_demonstrations_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(LivetrapError, match=r"run pip install '\.\[train\]' in livetrap's repository$"):
        load_data()
