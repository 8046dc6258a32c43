"""`livetrap flash` against a stand-in: what is written where, and what is refused before anything runs."""

import json
from importlib import import_module

import pytest

from boards import BOARDS
from formats.flash import SLOT_BYTES
from tests.conftest import Livetrap

from .bench import Bench, failed, slot, write_build
from .bitstreams import ecp5

ULX3S = BOARDS["ulx3s-85f"]
ICEBREAKER = BOARDS["icebreaker"]


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
    assert bench.flash(0, len(bench.as_flashed())) == bench.as_flashed()
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
    assert (bench.state / "sram").read_bytes() == bench.as_flashed() and not (bench.state / "flash").exists()


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
