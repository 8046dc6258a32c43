"""`livetrap train` against a chip in Python: what it prints where, and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.cli import run as livetrap
from host.link import emulated_port
from host.train.digits import Digits
from host.train.reference import default_seed, train
from host.train.transcript import Transcript
from tests.fake_chip import FakeChip, Served

LIVETRAP = [sys.executable, "-c", "from host.cli import main; main()"]
SALT = ["--salt", "00" * 32]


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(FakeChip(pages=32)) as served:
        yield served


def test_the_command(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "digits", "--epochs", "1", "--port", served.port, "--timeout", "20", *SALT]
    assert livetrap([*arguments, "--record", str(tmp_path / "run"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"] == 10 and told["epochs"][-1]["held_out_accuracy"] == told["on_chip_accuracy"] == 324 / 450
    assert livetrap(["train", "--resume", str(tmp_path / "run"), "--port", served.port]) == 2
    assert "complete" in capsys.readouterr().err
    assert livetrap(["train", "--port", served.port]) == 2
    assert "WORKLOAD" in capsys.readouterr().err
    assert livetrap(["train", "digits", "--salt", "zz", "--port", served.port]) == 2
    assert "64 hexadecimal digits" in capsys.readouterr().err


def test_a_memory_that_is_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(FakeChip()) as served:
        assert livetrap(["train", "digits", "--port", served.port]) == 2
    assert "needs 105984 bytes of accelerator memory" in capsys.readouterr().err


LINES = [
    r"epoch  1  step    10  loss 2\.\d{3} bits  3\d\.\d% right",
    r"epoch  2  step    20  loss 0\.\d{3} bits  8\d\.\d% right  held out: accuracy 0\.8778",
    r"evaluated on the chip: 395 of 450 held out are right \(87\.78%\)",
    r"20 steps in \d+\.\d s; 30474240 multiply-accumulates, .*",
]


def assert_told(lines: list[str]) -> None:
    assert len(lines) == len(LINES), lines
    for line, pattern in zip(lines, LINES, strict=True):
        assert re.fullmatch(pattern, line), line


def test_plain_lines_without_a_terminal(served: Served) -> None:
    command = [*LIVETRAP, "train", "digits", "--epochs", "2", "--port", served.port, *SALT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert_told(done.stdout.splitlines())


def test_a_bar_on_a_terminal_spoils_no_line(served: Served) -> None:
    """What is left on the screen is what a file would have got."""
    terminal, other_end = os.openpty()
    command = [*LIVETRAP, "train", "digits", "--epochs", "2", "--port", served.port, *SALT]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(command, stdout=other_end, stderr=other_end, env=environment) as process:
        os.close(other_end)
        said = b""
        # Reading fails when nobody has the other end any more.
        while part := _read_if_any(terminal):
            said += part
        assert process.wait(60) == 0
    os.close(terminal)
    assert "━" in said.decode() and b"20/20" in said
    assert_told(screen(said.decode()))


def _read_if_any(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""


def screen(said: str) -> list[str]:
    """Lines of a terminal that is wide and high enough, after these characters; without empty ones at the end."""
    lines, row, column = [""], 0, 0
    for control, text in re.findall(r"(\x1b\[[?\d;]*[A-Za-z]|[\r\n])|([^\x1b\r\n]+)", said):
        if text:
            before = lines[row].ljust(column)
            lines[row] = before[:column] + text + before[column + len(text) :]
            column += len(text)
        elif control == "\r":
            column = 0
        elif control == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif control == "\x1b[2K":
            lines[row] = ""
        elif up := re.fullmatch(r"\x1b\[(\d+)A", control):
            row -= int(up[1])
        else:
            assert control[-1] in "mhl", f"{control!r} moves something"
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip() for line in lines]


def interrupted(served: Served, folder: Path, steps: int) -> tuple[int, str]:
    """Exit code and remarks of a training whose user presses Ctrl-C after so many steps."""
    command = ["train", "digits", "--epochs", "3", "--port", served.port, *SALT, "--record", str(folder)]
    with subprocess.Popen(
        [*LIVETRAP, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while served.chip.chip.records == 0 or served.chip.chip.steps < steps:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, remarks = process.communicate(timeout=60)
    assert "Traceback" not in remarks
    return process.returncode, remarks


def test_ctrl_c_leaves_the_chip_idle_and_the_run_can_go_on(served: Served, tmp_path: Path) -> None:
    code, remarks = interrupted(served, tmp_path / "run", 5)
    assert code == 130 and "--resume" in remarks
    _, manifest = Transcript.open(tmp_path / "run")
    step = manifest.checkpoints[-1].step
    assert 0 < step < 30 and step == served.chip.chip.steps and served.chip.chip.run is None
    assert livetrap(["train", "--resume", str(tmp_path / "run"), "--port", served.port, "--no-test"]) == 0
    *_, last = train(Digits(epochs=3), default_seed(Digits(epochs=3)))
    assert served.chip.chip.memory == last.memory


def test_an_emulated_chip_of_the_command_s_own_is_not_there_to_resume(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulated_port, "NAME", served.port)

    def press(command: int, operation: int) -> None:
        if served.chip.chip.steps >= 5:
            served.chip.faults.before = lambda command, operation: None
            os.kill(os.getpid(), signal.SIGINT)

    served.chip.faults.before = press
    command = ["train", "digits", "--port", served.port, "--record", str(tmp_path / "run")]
    assert livetrap(command) == 130
    assert "its chip ends with this command" in capsys.readouterr().err


def test_ctrl_c_while_data_are_loaded(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No record is half taken, nothing runs, and a new training begins as if there had been none."""
    code, remarks = interrupted(served, tmp_path / "run", 0)
    assert (code, remarks.strip()) == (130, "")
    assert served.chip.chip.steps == 0 and served.chip.chip.run is None and served.chip.chip.pending is None
    assert livetrap(["train", "--resume", str(tmp_path / "run"), "--port", served.port]) == 2
    assert "begin anew" in capsys.readouterr().err
    assert livetrap(["train", "digits", "--epochs", "3", "--port", served.port, "--no-test", *SALT]) == 0
    *_, last = train(Digits(epochs=3), default_seed(Digits(epochs=3)))
    assert served.chip.chip.memory == last.memory
