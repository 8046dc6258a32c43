"""Every known way in which openFPGALoader fails, and what is said of the board then."""

import pytest

from boards import BOARDS
from formats.flash import SLOT_BYTES
from tests.conftest import Livetrap

from .bench import Bench, failed, slot

ULX3S = BOARDS["ulx3s-85f"]
REPEAT = "repeat the command"


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
    assert bench.flash(0, len(bench.as_flashed())) == bench.as_flashed()


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
