"""The Makefile and .ci/run on a machine that lacks a tool, before anything is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("make", "python3", "g++", "perl", "sh", "nproc", "dirname")


def without(tool: str, tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command where these tools alone are installed, save one."""
    installed = tmp_path / "bin"
    installed.mkdir()
    for name in set(TOOLS) - {tool}:
        found = sys.executable if name == "python3" else shutil.which(name)
        (installed / name).symlink_to(Path(found).resolve())
    arguments = {"env": {"PATH": str(installed)}, "capture_output": True, "text": True, "timeout": 60}
    return subprocess.run(command, cwd=ROOT, **arguments)


@pytest.mark.parametrize("target", ["demo", "test"])
@pytest.mark.parametrize(("tool", "package"), [("python3", "python3"), ("g++", "g++"), ("perl", "perl")])
def test_a_missing_tool_gets_one_line_with_its_package(tool: str, package: str, target: str, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    result = without(tool, tmp_path, shutil.which("make"), f"VENV={environment}", target)
    said = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert result.returncode == 2
    assert said == [f"livetrap: '{tool}' is missing: install it with 'apt-get install {package}'"]
    assert not environment.exists()


def test_ci_without_make(tmp_path: Path) -> None:
    result = without("make", tmp_path, shutil.which("sh"), ".ci/run")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "livetrap: 'make' is missing: install it with 'apt-get install make'\n"
