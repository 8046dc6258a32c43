"""`livetrap flash` through a bootloader: read back if it allows that, brought back if it leaves, and its failures."""

import json
import subprocess
from importlib import import_module

import pytest

from boards import BOARDS
from formats.flash import SLOT_BYTES
from tests.conftest import Livetrap

from .bench import Bench, failed, slot

ORANGECRAB = BOARDS["orangecrab"]


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
