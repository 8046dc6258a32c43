"""`livetrap flash` against stand-in programmers: what is written where, and what is said when it is not."""

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
from formats.flash import SLOT_BYTES
from tests.conftest import Livetrap, Result
from tests.fake_chip import FakeChip, Served

from .bench import Bench, slot, write_build
from .bitstreams import PREAMBLE, ecp5

ULX3S, ICEBREAKER, ORANGECRAB = BOARDS["ulx3s-85f"], BOARDS["icebreaker"], BOARDS["orangecrab"]
REPEAT = "repeat the command"


@pytest.fixture
def flash(bench: Bench, livetrap: Livetrap) -> Livetrap:
    """`livetrap flash BOARD`, with a good build unless another is named."""

    def call(board: str, *arguments: object) -> Result:
        build = () if "--build" in arguments else ("--build", bench.build(board))
        return livetrap("flash", board, *build, *arguments)

    return call


def failed(result: Result, *words: str, code: int = 2) -> str:
    """The exit code, and one line on standard error that has all the words; returns it."""
    assert result[0] == code, result
    assert result[2].startswith("livetrap: ") and result[2].count("\n") == 1, result[2]
    for each in words:
        assert each in result[2], (each, result[2])
    return result[2]


def as_flashed(bench: Bench) -> bytes:
    """An ECP5's bitstream lies in flash without its comments."""
    data = (bench.folder / "build" / "chip.bit").read_bytes()
    return data[data.index(PREAMBLE) :]


# What is written.


def test_an_ecp5_board(bench: Bench, flash: Livetrap):
    code, out, err = flash("ulx3s-85f", "--json")
    assert code == 0
    said = json.loads(out)
    chip, image = (str(bench.folder / "build" / name) for name in ("chip.bit", "image0.bin"))
    head = ["--board", "ulx3s", "--write-flash", "--verify", "--offset"]
    expected = [[*head, "0x0", "--file-type", "bit", chip], [*head, "0x400000", "--file-type", "bin", image]]
    assert bench.calls() == expected
    assert [step["command"] for step in said["steps"]] == [["openFPGALoader", *call] for call in expected]
    assert [(step["what"], step["memory"], step["offset"], step["verified"]) for step in said["steps"]] == [
        ("bitstream", "flash", 0, True),
        ("firmware image", "flash", 0x400000, True),
    ]
    assert bench.flash(0, len(as_flashed(bench))) == as_flashed(bench)
    assert bench.flash(ULX3S.flash_offset, SLOT_BYTES) == slot()
    assert said["probe"]["answers"] is False and "no port was named" in err


def test_an_ice40_board(bench: Bench, flash: Livetrap):
    for words in ("good", "new words"):
        bench.play(words)
        code, out, _ = flash("icebreaker")
        assert code == 0 and out.splitlines() == [
            "bitstream to flash       verified",
            "firmware image to flash  verified",
        ]
    data = (bench.folder / "build" / "chip.bit").read_bytes()
    assert bench.flash(0, len(data)) == data and bench.flash(ICEBREAKER.flash_offset, SLOT_BYTES) == slot()
    assert bench.calls()[0][:2] == ["--board", "ice40_generic"] and bench.calls()[0][-2] == "bin"


def test_a_board_behind_a_cable(bench: Bench, flash: Livetrap):
    assert flash("icesugar-pro", "--what", "bitstream")[0] == 0
    assert bench.calls()[0][:6] == ["--cable", "cmsisdap", "--vid", "0x1d50", "--pid", "0x602b"]


def test_sram_alone(bench: Bench, flash: Livetrap):
    code, out, _ = flash("ulx3s-85f", "--sram", "--json")
    chip = str(bench.folder / "build" / "chip.bit")
    assert code == 0 and bench.calls() == [["--board", "ulx3s", "--write-sram", "--file-type", "bit", chip]]
    (step,) = json.loads(out)["steps"]
    assert (step["memory"], step["offset"], step["verified"]) == ("SRAM", None, True)
    assert (bench.state / "sram").read_bytes() == as_flashed(bench) and not (bench.state / "flash").exists()


def test_sram_after_firmware_on_a_board_without_a_bitstream(bench: Bench, flash: Livetrap):
    """Writing the image ends with a refusal, since the FPGA finds no bitstream in flash."""
    code, out, _ = flash("ulx3s-85f", "--sram", "--what", "all")
    assert code == 0 and [call[2] for call in bench.calls()] == ["--write-flash", "--write-sram"]
    assert "firmware image to flash  verified  there is no bitstream in flash that the board could boot" in out
    assert (bench.state / "sram").exists() and bench.flash(ULX3S.flash_offset, SLOT_BYTES) == slot()


def test_firmware_alone(bench: Bench, flash: Livetrap):
    line = failed(
        flash("ulx3s-85f", "--what", "firmware"), "firmware image to flash: written and verified, but the FPGA"
    )
    assert "'livetrap flash ulx3s-85f --what bitstream'" in line
    assert flash("ulx3s-85f", "--what", "bitstream")[0] == 0
    assert flash("ulx3s-85f", "--what", "firmware")[0] == 0
    assert [call[5] for call in bench.calls()] == ["0x400000", "0x0", "0x400000"]


def test_a_build_without_firmware(bench: Bench, flash: Livetrap):
    build = ("--build", bench.build("ulx3s-85f", images=[]))
    assert flash("ulx3s-85f", *build)[0] == 0 and len(bench.calls()) == 1
    failed(
        flash("ulx3s-85f", "--what", "firmware", *build),
        "the build has no firmware image",
        "livetrap firmware update",
    )


def test_dry_run(bench: Bench, flash: Livetrap):
    code, out, err = flash("ulx3s-85f", "--dry-run")
    folder, program = bench.folder / "build", bench.programs / "openFPGALoader"
    common = f"{program} --board ulx3s --write-flash --verify --offset"
    assert (code, err) == (0, "") and out.splitlines() == [
        f"{common} 0x0 --file-type bit {folder}/chip.bit",
        f"{common} 0x400000 --file-type bin {folder}/image0.bin",
    ]
    bench.remove("openFPGALoader")
    code, out, _ = flash("ulx3s-85f", "--dry-run", "--sram")
    assert (code, out) == (0, f"openFPGALoader --board ulx3s --write-sram --file-type bit {folder}/chip.bit\n")
    said = json.loads(flash("orangecrab", "--dry-run", "--json")[1])
    assert said["dry_run"] is True and said["steps"][1]["command"][1:5] == ["--device", "1209:5af0", "--alt", "1"]
    assert bench.calls() == []


def test_the_folder_that_builds_go_to():
    from boards.build import HOME

    assert import_module("host.cli.flash").build_folder(ULX3S) == HOME / "ulx3s-85f"


def test_a_path_with_blanks_is_quoted(bench: Bench, livetrap: Livetrap):
    folder = write_build(bench.folder / "a b", "ulx3s-85f", ecp5("LFE5U-85F"), [])
    assert livetrap("flash", "ulx3s-85f", "--build", folder, "--dry-run")[1].endswith(f"'{folder}/chip.bit'\n")
    assert livetrap("flash", "ulx3s-85f", "--build", folder)[0] == 0


# What is refused before anything runs.


def test_refusals_before_anything_runs(bench: Bench, flash: Livetrap, livetrap: Livetrap):
    failed(livetrap("flash", "ulx3s"), "no board 'ulx3s': there are ulx3s-85f, ulx3s-25f, orangecrab")
    failed(livetrap("flash", "ulx3s-85f", "--build", bench.folder / "none"), "no build is there")
    failed(flash("icebreaker", "--sram"), "icebreaker: its programmer cannot load the FPGA directly: use --flash")
    failed(flash("orangecrab", "--sram"), "orangecrab: its programmer cannot load the FPGA directly")
    other = write_build(bench.folder / "other", "ulx3s-85f", ecp5("LFE5U-25F"), [])
    failed(
        flash("ulx3s-85f", "--build", other), "for another part: ulx3s-85f has an LFE5U-85F, this is for an LFE5U-25F"
    )
    failed(flash("ulx3s-85f", "--build", bench.build("icebreaker")), "the build is for icebreaker, not for ulx3s-85f")
    assert bench.calls() == []


@pytest.mark.parametrize(("board", "fix"), [("ulx3s-85f", "pip install '.[boards]'"), ("orangecrab", "dfu-util")])
def test_no_programmer(bench: Bench, flash: Livetrap, board, fix):
    tool = BOARDS[board].programmer.tool.value
    bench.remove(tool)
    failed(flash(board), f"{tool} is not installed", fix)


def test_a_programmer_that_cannot_be_started(bench: Bench, flash: Livetrap):
    (bench.programs / "openFPGALoader").write_bytes(b"\x7fELF no program")
    failed(
        flash("ulx3s-85f"), "cannot be started: Exec format error", "nothing was written", "livetrap doctor ulx3s-85f"
    )


# Every known way in which openFPGALoader fails.


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("not found", ("no such board is on USB", "livetrap doctor ulx3s-85f")),
        ("no permission", ("this user may not open the board's USB device", "livetrap doctor --udev")),
        ("no rights", ("this user may not open the board's USB device", "livetrap doctor --udev")),
        ("busy", ("another program holds the board's USB device",)),
        ("no reset", ("the board's USB device does not answer", "unplug the board")),
        ("no device", ("no FPGA answers on JTAG",)),
        ("two devices", ("more than one such board",)),
        ("unknown board", ("does not know this board", "newer version")),
        ("library", ("does not start for want of libftdi1.so.2", "livetrap doctor ulx3s-85f")),
        ("wrong idcode", ("the board holds an LFE5U-25F, the bitstream is for an LFE5U-85F",)),
        ("no jtag", ("JTAG answers 0xffffffff",)),
        ("protected", ("write-protected", "--unprotect-flash")),
        ("overflow", ("the board's flash is too small",)),
        ("no flash", ("the board's flash does not answer",)),
    ],
)
def test_failures_before_anything_is_written(bench: Bench, flash: Livetrap, scenario, words):
    bench.play(scenario)
    line = failed(flash("ulx3s-85f"), "ulx3s-85f: bitstream to flash: ", *words)
    assert "; nothing was written: ulx3s-85f is as it was; " in line and len(bench.calls()) == 1


def test_without_support_for_the_cable(bench: Bench, flash: Livetrap):
    bench.play("no cmsisdap")
    failed(
        flash("icesugar-pro"), "built without support for the board's programmer", "apt-get install openfpgaloader"
    )


DAMAGED = (
    "the bitstream in flash is damaged: ulx3s-85f will not start the chip at power-on, but JTAG still reaches it"
)
MAYBE = (
    "the bitstream in flash may be damaged: ulx3s-85f may not start the chip at power-on, but JTAG still reaches it"
)


@pytest.mark.parametrize(
    ("scenario", "cause", "state"),
    [
        ("crash while starting", "openFPGALoader did not finish: it crashed (SIGSEGV)", MAYBE),
        ("crash while detecting", "it crashed (SIGSEGV)", MAYBE),
        ("killed while erasing", "it was killed (SIGKILL)", DAMAGED),
        ("killed while writing", "it was killed (SIGKILL)", DAMAGED),
        ("lost while writing", "the board was lost in the middle", DAMAGED),
        ("crash while verifying", "it crashed (SIGSEGV)", MAYBE),
        ("mismatch", "the flash reads back otherwise from byte 0x4d2 on", DAMAGED),
        ("crash while refreshing", "it crashed (SIGSEGV)", "but all of it was written and verified before"),
        ("garbage", "openFPGALoader does not say that it verified", MAYBE),
        ("silent success", "openFPGALoader does not say that it verified", MAYBE),
    ],
)
def test_failures_in_the_middle(bench: Bench, flash: Livetrap, scenario, cause, state):
    bench.play(scenario)
    line = failed(flash("ulx3s-85f"), "ulx3s-85f: bitstream to flash: ", cause, f"; {state}", REPEAT)
    assert len(bench.calls()) == 1 and line[:-1].isprintable()


@pytest.mark.parametrize("scenario", ["hang while writing", "chatter while writing"])
def test_a_programmer_that_does_not_end(bench: Bench, flash: Livetrap, scenario):
    bench.play(scenario)
    failed(
        flash("ulx3s-85f", "--limit", 1),
        "openFPGALoader did not finish: it was stopped: not done within 1 s",
        DAMAGED,
    )


def test_firmware_that_is_lost_half_way(bench: Bench, flash: Livetrap):
    assert flash("ulx3s-85f", "--what", "bitstream")[0] == 0
    bench.play("killed while writing")
    line = failed(flash("ulx3s-85f", "--what", "firmware"), "firmware image to flash", "it was killed (SIGKILL)")
    assert "the firmware slot is damaged, the bitstream is not touched: ulx3s-85f boots, and the chip goes on" in line
    assert bench.flash(ULX3S.flash_offset, SLOT_BYTES) == slot()[: SLOT_BYTES // 2] + b"\xff" * (SLOT_BYTES // 2)
    assert bench.flash(0, len(as_flashed(bench))) == as_flashed(bench)


@pytest.mark.parametrize("scenario", ["killed while loading", "crash while loading", "not configured"])
def test_loading_that_fails_leaves_the_flash(bench: Bench, flash: Livetrap, scenario):
    bench.play(scenario)
    state = "the flash is as it was: ulx3s-85f boots what is in it when it is powered off and on"
    failed(flash("ulx3s-85f", "--sram"), "ulx3s-85f: bitstream to SRAM: ", state, REPEAT)
    assert not (bench.state / "flash").exists()


def test_loading_that_says_nothing(bench: Bench, flash: Livetrap):
    bench.play("silent success")
    failed(flash("ulx3s-85f", "--sram"), "openFPGALoader does not say that it is done", "the flash is as it was")


@pytest.mark.parametrize("board", ["ulx3s-85f", "icebreaker"])
def test_verified_but_not_configured(bench: Bench, flash: Livetrap, board):
    bench.play("not configured")
    failed(
        flash(board), "written and verified, but the FPGA did not configure itself from flash: power the board off"
    )


@pytest.mark.parametrize(
    ("scenario", "cause", "state"),
    [
        ("mismatch", "the flash reads back otherwise from byte 0x4d2 on", "is damaged"),
        ("protected", "the flash is write-protected", "nothing was written"),
        ("no flash", "the board's flash does not answer", "nothing was written"),
    ],
)
def test_an_ice40_programmer_that_fails_with_exit_code_0(bench: Bench, flash: Livetrap, scenario, cause, state):
    bench.play(scenario)
    failed(flash("icebreaker"), cause, state)


def test_an_ice40_that_is_interrupted_is_reached_again(bench: Bench, flash: Livetrap):
    bench.play("killed while writing")
    failed(flash("icebreaker"), "icebreaker will not start the chip at power-on, but the programmer still reaches it")
    bench.play("good")
    assert flash("icebreaker")[0] == 0


def test_verbose_shows_what_the_programmer_says(bench: Bench, flash: Livetrap):
    assert "Jtag frequency" not in flash("ulx3s-85f")[2]
    assert "Jtag frequency : requested 6.00MHz" in flash("ulx3s-85f", "--verbose")[2]


# dfu-util.


def test_a_bootloader_that_stays_and_reads_back(bench: Bench, flash: Livetrap):
    bench.attach_bootloader(bits=0x0F)
    code, out, _ = flash("orangecrab", "--json")
    assert code == 0 and [step["verified"] for step in json.loads(out)["steps"]] == [True, True]
    chip, image = bench.folder / "build" / "chip.bit", bench.folder / "build" / "image0.bin"
    head = ["--device", "1209:5af0", "--alt"]
    calls = bench.calls()
    assert calls[0] == [*head, "0", "--download", str(chip)] and calls[2] == [*head, "1", "--download", str(image)]
    assert calls[1][:5] == [*head, "0", "--upload"] and calls[1][6:] == ["--upload-size", str(chip.stat().st_size)]
    assert bench.flash(ORANGECRAB.bitstream_offset, chip.stat().st_size) == chip.read_bytes()
    assert bench.flash(ORANGECRAB.flash_offset, SLOT_BYTES) == slot()


def test_reading_back_finds_another_byte(bench: Bench, flash: Livetrap):
    bench.attach_bootloader(bits=0x0F)
    bench.play("spoils")
    failed(
        flash("orangecrab"), "orangecrab: bitstream to flash: the flash reads back otherwise", "is damaged", "button"
    )


def test_reading_back_fails(bench: Bench, flash: Livetrap):
    bench.attach_bootloader(bits=0x0F)
    bench.play("no upload")
    code, out, _ = flash("orangecrab", "--what", "bitstream")
    assert code == 0 and "written  not verified: reading back failed: it ended with exit code 74" in out


def test_a_bootloader_that_cannot_be_read(bench: Bench, flash: Livetrap):
    bench.attach_bootloader()
    code, out, _ = flash("orangecrab", "--json")
    steps = json.loads(out)["steps"]
    assert code == 0 and [step["verified"] for step in steps] == [False, False]
    assert "its bootloader lets nothing be read back; if the chip answers on its link" in steps[0]["remark"]
    assert len(bench.calls()) == 2


def test_a_bootloader_that_starts_the_design_at_once(bench: Bench, flash: Livetrap, monkeypatch):
    """It is gone before it answers, and dfu-util ends with an error; the user brings it back for the firmware."""
    monkeypatch.setattr(import_module("host.cli.flash"), "RETURN_SECONDS", 0.5)
    bench.attach_bootloader()
    bench.play("leaves")
    code, out, _ = flash("orangecrab", "--what", "bitstream")
    assert code == 0 and "not verified: its bootloader has started the design" in out
    bench.attach_bootloader()
    result = flash("orangecrab")
    assert (
        result[0] == 2 and "next is the firmware image to flash: plug the board in again while you hold" in result[2]
    )
    last = result[2].splitlines()[-1]
    assert "the bootloader did not come back within 0.5 s; written: bitstream; for the rest run" in last
    assert "'livetrap flash orangecrab --what firmware'" in last


def test_a_bootloader_that_is_brought_back(bench: Bench, flash: Livetrap, monkeypatch):
    bench.attach_bootloader()
    bench.play("leaves")

    def press_the_button(message: str) -> None:
        assert "hold its button" in message
        monkeypatch.setattr(commands, "notice", lambda message: None)
        bench.attach_bootloader()

    commands = import_module("host.cli.flash")
    monkeypatch.setattr(commands, "notice", press_the_button)
    code, _, _ = flash("orangecrab")
    assert code == 0 and [call[3] for call in bench.calls()] == ["0", "1"]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("not found", ("the board's bootloader is not on USB", "hold the board's button while you plug it in")),
        ("no permission", ("this user may not open the board's USB device", "livetrap doctor --udev")),
        ("busy", ("another program holds the board's USB device",)),
        ("two devices", ("more than one such board is on USB",)),
    ],
)
def test_dfu_failures_before_anything_is_written(bench: Bench, flash: Livetrap, scenario, words):
    bench.play(scenario)
    failed(flash("orangecrab"), "orangecrab: bitstream to flash: ", "nothing was written", *words)


CRAB = "is damaged: orangecrab will not start the chip, but its bootloader is not touched: hold the board's button"


@pytest.mark.parametrize(
    ("scenario", "cause"),
    [
        ("lost while writing", "the board was lost in the middle"),
        ("killed while writing", "dfu-util did not finish: it was killed (SIGKILL)"),
        ("refused", "the bootloader refuses: Device is unable to write memory"),
        ("silent success", "dfu-util does not say that it is done"),
    ],
)
def test_dfu_failures_in_the_middle(bench: Bench, flash: Livetrap, scenario, cause):
    bench.play(scenario)
    failed(flash("orangecrab"), cause, "the bitstream in flash", CRAB)


def test_dfu_that_is_asked_wrongly_says_so(bench: Bench):
    """The stand-ins are strict: they refuse what is not as expected."""
    for program, arguments in (
        ("dfu-util", ["-a", "0", "-D", "x"]),
        ("openFPGALoader", ["--board", "ulx3s", "--write-flash", "--offset", "0", "--file-type", "bit", __file__]),
        ("openFPGALoader", ["--board", "ulx3s", "--bogus", "x"]),
    ):
        ended = subprocess.run([bench.programs / program, *arguments], capture_output=True, text=True, timeout=60)
        assert ended.returncode and ("not the arguments" in ended.stderr or "does not exist" in ended.stderr)


# The chip afterwards.


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


# As a process of its own.


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
