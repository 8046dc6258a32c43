"""The chip after `livetrap flash`, and the command as a process of its own: its bar, its interruption."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

import pytest

from boards import BOARDS
from tests.conftest import Livetrap
from tests.fake_chip import FakeChip, Served

from .bench import Bench

ULX3S = BOARDS["ulx3s-85f"]
ICEBREAKER = BOARDS["icebreaker"]
DAMAGED = (
    "the bitstream in flash is damaged: ulx3s-85f will not start the chip at power-on, but JTAG still reaches it"
)


def test_the_chip_at_the_named_port(bench: Bench, flash: Livetrap, livetrap: Livetrap, monkeypatch):
    with Served(FakeChip()) as served:
        said = json.loads(flash("ulx3s-85f", "--port", served.port, "--json")[1])
        assert said["probe"] == {
            "port": served.port,
            "answers": True,
            "chip": json.loads(livetrap("info", "--port", served.port, "--json")[1]),
        }
        monkeypatch.setenv("LIVETRAP_PORT", served.port)
        code, out, err = flash("ulx3s-85f")
        assert (code, err) == (0, "") and served.chip.chip.ueid.hex() in out


def test_the_only_likely_port(bench: Bench, flash: Livetrap):
    with Served(FakeChip()) as served:
        bench.attach(ICEBREAKER.programmer.usb, "ttyUSB0", "ttyUSB1")
        bench.connect("ttyUSB1", served.port)
        code, out, err = flash("icebreaker")
        assert (code, err) == (0, "") and served.chip.chip.ueid.hex() in out
        bench.attach(ICEBREAKER.programmer.usb, "ttyUSB2", "ttyUSB3", name="1-3", number=5)
        code, _, err = flash("icebreaker")
        assert code == 0 and "no chip was asked: no port was named, and not exactly one is likely" in err


def test_a_port_that_comes_back(bench: Bench, flash: Livetrap, monkeypatch):
    """The programmer took it away."""
    device = bench.attach(ULX3S.programmer.usb)
    with Served(FakeChip()) as served:

        def give_back() -> None:
            bench.connect("ttyUSB0", served.port)
            (device.parent / "1-2:1.0" / "ttyUSB0").mkdir(parents=True)

        timer = threading.Timer(1.0, give_back)
        timer.start()
        assert served.chip.chip.ueid.hex() in flash("ulx3s-85f", "--sram")[1]
        timer.join()
    (device.parent / "1-2:1.0" / "ttyUSB0").rmdir()
    monkeypatch.setattr(import_module("host.cli.flash"), "PORT_SECONDS", 0.3)
    assert "not exactly one is likely" in flash("ulx3s-85f", "--sram")[2]


def test_nothing_answers(bench: Bench, flash: Livetrap, monkeypatch):
    monkeypatch.setattr(import_module("host.cli.flash"), "ANSWER_SECONDS", 0.3)
    result = flash("ulx3s-85f", "--port", "/dev/none", "--json")
    assert result[0] == 3 and json.loads(result[1])["steps"][1]["verified"] is True
    assert result[2] == "livetrap: no chip was asked: port /dev/none: there is no such port (tried for 0.3 s)\n"
    chip = FakeChip()
    chip.faults.deaf = True
    with Served(chip) as served:
        assert flash("ulx3s-85f", "--port", served.port)[0] == 3
        bench.attach(ICEBREAKER.programmer.usb, "ttyUSB0", "ttyUSB1")
        bench.connect("ttyUSB1", served.port)
        code, _, err = flash("icebreaker")
        assert code == 0 and "nothing answers as a chip does (tried for 0.3 s)" in err


LIVETRAP = [sys.executable, "-c", "from host.cli import main; main()"]


def test_one_bar_for_each_step_on_a_terminal(bench: Bench):
    terminal, other_end = os.openpty()
    process = subprocess.Popen(
        [*LIVETRAP, "flash", "ulx3s-85f", "--build", str(bench.build("ulx3s-85f"))],
        env={**bench.environment(), "TERM": "xterm"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=other_end,
    )
    os.close(other_end)
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 1 << 16):
            shown += part
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.count(b"verified") == 2
    for title in (b"bitstream to flash", b"firmware image to flash"):
        assert title in shown
    assert b"300/300" in shown and b"Erasing" not in shown + out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_in_the_middle(bench: Bench, number, code):
    bench.play("wait while writing")
    process = subprocess.Popen(
        [*LIVETRAP, "flash", "ulx3s-85f", "--build", str(bench.build("ulx3s-85f"))],
        env=bench.environment(),
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )
    waiting = bench.state / "waiting"
    for _ in range(3000):
        if waiting.exists() and waiting.read_text():
            break
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.strip() == f"livetrap: interrupted: {DAMAGED}; to finish, repeat the command"
    with pytest.raises(ProcessLookupError):
        os.kill(int(waiting.read_text()), 0)
