"""Running programmers: how they end, what their output is cut into, and that none is left behind."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from host.programming import run as running
from host.programming.run import MAX_LINE_BYTES, Ended, run


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(running, "STOP_SECONDS", 1.0)


def program(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "program"
    path.write_text(f"#!{sys.executable}\nimport os, signal, subprocess, sys, time\n{source}\n")
    path.chmod(0o755)
    return path


def ran(tmp_path: Path, source: str, *, seconds: float = 60, silence: float = 60) -> tuple[Ended, list[str]]:
    lines: list[str] = []
    return run(program(tmp_path, source), ["a", "b c"], lines.append, seconds=seconds, silence=silence), lines


def test_arguments_lines_and_code(tmp_path):
    ended, lines = ran(tmp_path, "print(sys.argv[1:]); sys.stdout.flush(); sys.stderr.write('oh\\n'); sys.exit(3)")
    assert (ended, lines) == (Ended(3), ["['a', 'b c']", "oh"])
    assert ended.how == "it ended with exit code 3"


def test_it_has_no_input_and_a_session_of_its_own(tmp_path):
    ended, lines = ran(tmp_path, "print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())")
    assert (ended.code, lines) == (0, ["'' True"])


def test_carriage_returns_escapes_and_what_is_not_text(tmp_path):
    ended, lines = ran(tmp_path, r"os.write(1, b'\rone: [=  ] 10%\rtwo\x1b[31m\t3\r\n\n\xff\xfe\x00\x07end')")
    assert (ended.code, lines) == (0, ["one: [=  ] 10%", "two 3", "\ufffd\ufffdend"])


def test_a_line_without_an_end_is_handed_on_in_pieces(tmp_path):
    ended, lines = ran(tmp_path, "os.write(1, b'x' * 1_000_000); os.write(1, b'x' * 234)")
    assert ended.code == 0 and sum(map(len, lines)) == 1_000_234
    assert max(map(len, lines)) == MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (signal.SIGSEGV, "it crashed (SIGSEGV)"),
        (signal.SIGABRT, "it crashed (SIGABRT)"),
        (signal.SIGKILL, "it was killed (SIGKILL)"),
        (signal.SIGTERM, "it was killed (SIGTERM)"),
    ],
)
def test_ended_by_a_signal(tmp_path, number, how):
    ended, lines = ran(tmp_path, f"print('so far'); sys.stdout.flush(); os.kill(os.getpid(), {int(number)})")
    assert (ended.code, ended.how, lines) == (-number, how, ["so far"])
    assert Ended(-63).how == "it crashed (signal 63)"


def test_silence_is_bounded(tmp_path):
    ended, lines = ran(tmp_path, "print('once', flush=True); time.sleep(600)", silence=0.5)
    assert ended.how == "it was stopped: not a word for 0.5 s" and lines == ["once"]


def test_chatter_is_bounded(tmp_path):
    ended, lines = ran(tmp_path, "while True: print('x', flush=True); time.sleep(0.02)", seconds=0.7, silence=0.5)
    assert ended.how == "it was stopped: not done within 0.7 s" and len(lines) > 3


def test_one_that_will_not_be_asked_is_killed_with_what_it_started(tmp_path):
    source = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)"""
    ended, lines = ran(tmp_path, source, silence=1)
    assert ended.code == -signal.SIGKILL and ended.how.startswith("it was stopped")
    for number in map(int, lines[0].split()):
        assert is_gone(number)


def test_one_that_closes_its_output_and_stays(tmp_path):
    ended, _ = ran(tmp_path, "os.close(1); os.close(2); time.sleep(600)")
    assert ended.how == "it closed its output and did not end within 1 s"


def is_gone(number: int) -> bool:
    """Whether a process has ended, within ten seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_whatever_is_raised_it_is_not_left_behind(tmp_path):
    class Stop(Exception):
        pass

    numbers: list[int] = []

    def take(line: str) -> None:
        numbers.append(int(line))
        raise Stop

    with pytest.raises(Stop):
        run(program(tmp_path, "print(os.getpid(), flush=True); time.sleep(600)"), [], take, seconds=60, silence=60)
    assert is_gone(numbers[0])


def test_interrupted(tmp_path):
    numbers: list[int] = []

    def take(line: str) -> None:
        numbers.append(int(line))
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        run(program(tmp_path, "print(os.getpid(), flush=True); time.sleep(600)"), [], take, seconds=60, silence=60)
    assert is_gone(numbers[0])


def test_what_was_written_before_an_interruption_is_read(tmp_path):
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if line == "1":
            raise KeyboardInterrupt

    source = "os.write(1, b'1\\n2\\n3'); time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        run(program(tmp_path, source), [], take, seconds=60, silence=60)
    assert lines == ["1", "2", "3"]


def test_what_cannot_be_started(tmp_path):
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "none", [], print, seconds=1, silence=1)
    path = tmp_path / "text"
    path.write_text("x")
    with pytest.raises(PermissionError):
        run(path, [], print, seconds=1, silence=1)
    path.chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        run(path, [], print, seconds=1, silence=1)
