"""How tools are run: what each way to fail is told as, and that none outlives its caller."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boards.flow import tools
from boards.flow.tools import Tool, ToolError
from tests.unit.tiny_chip import stand_in

WAIT_SECONDS = 30


def failed(tool: Tool, directory: Path, **options: float) -> str:
    """The problem's line; the log's place is part of the message."""
    with pytest.raises(ToolError) as error:
        tools.run(tool, [], directory, **options)
    assert str(error.value) == f"{error.value.problem}; all it said is in {directory / tool.name}.log"
    assert error.value.exit_code == 2
    return error.value.problem


def test_output_and_arguments(tmp_path: Path) -> None:
    tool = stand_in("echo", "print(*sys.argv[1:]); print('and this', file=sys.stderr)")
    assert tools.run(tool, ["one", "two"], tmp_path) == 0
    assert sorted((tmp_path / "echo.log").read_text().splitlines()) == ["and this", "one two"]


def test_its_own_error_is_told(tmp_path: Path) -> None:
    tool = stand_in("yosys", "print('ERROR: no such module.'); print('ERROR: later'); sys.exit(1)")
    assert failed(tool, tmp_path) == "yosys failed: no such module"


def test_a_crash(tmp_path: Path) -> None:
    assert failed(stand_in("yosys", "raise OSError"), tmp_path) == "yosys crashed with exit code 1"


def test_a_tool_that_is_killed(tmp_path: Path) -> None:
    tool = stand_in("yosys", "import os; os.kill(os.getpid(), 9)")
    assert failed(tool, tmp_path) == "yosys was killed by SIGKILL"


def test_a_killed_tool_is_an_error_whatever_codes_are_accepted(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="SIGSEGV"):
        tools.run(stand_in("yosys", "import os; os.kill(os.getpid(), 11)"), [], tmp_path, codes=None)


def test_a_tool_that_never_ends(tmp_path: Path) -> None:
    tool = stand_in("yosys", "import time\nwhile True: time.sleep(1)")
    assert failed(tool, tmp_path, seconds=0.5) == "yosys did not end within 0.5 s and was stopped"


def test_a_tool_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as error:
        tools.run(Tool("yosys", "no-such-package", ("yosys",)), [], tmp_path)
    assert str(error.value) == "yosys is not installed: run pip install '.[boards]' in livetrap's repository"
    with pytest.raises(ToolError, match="not installed"):
        tools.tool_version(Tool("yosys", "no-such-package", ()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_tool_too(number: signal.Signals, tmp_path: Path) -> None:
    """As the command line is interrupted: Ctrl-C raises, and main() makes SIGTERM raise."""
    script = f"""
import signal, sys
from pathlib import Path
from boards.flow import tools
from tests.unit.tiny_chip import stand_in
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGINT, signal.default_int_handler)
tools.run(stand_in("slow", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"), [],
          Path({str(tmp_path)!r}))
"""
    caller = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    pid = int(_text_of(tmp_path / "pid"))
    caller.send_signal(number)
    assert caller.wait(WAIT_SECONDS) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _text_of(path: Path) -> str:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.05)
    return path.read_text()
