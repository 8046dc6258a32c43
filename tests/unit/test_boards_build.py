"""A board's build from end to end on a tiny design: bytes, cache, seeds, and what is left when a stage fails."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from boards import BOARDS
from boards import build as building
from boards.board import Board
from boards.build import Built, TimingNotMet, bitstream_name, build
from boards.flow import tools
from boards.flow.family import Family
from boards.flow.placement import Clock, Placement, Usage
from boards.report import from_json
from host.errors import LivetrapError
from tests.unit.tiny_chip import stand_in, tiny_chip

SMALL = {Family.ECP5: BOARDS["ulx3s-25f"], Family.ICE40: BOARDS["icebreaker"]}
WAIT_SECONDS = 60


def silent(stage: str) -> None:
    """Nobody listens to the stages."""


def whole(home: Path) -> set[str]:
    """Names of what is finished in the cache, without their digests, and of what is left of unfinished work."""
    return {path.name.rpartition("-")[0] for path in (home / "cache").iterdir() if path.is_dir()}


def rebuilt(board: Board, home: Path, **options: object) -> Built:
    return build(board, tiny_chip(board), silent, home=home, **options)


@pytest.fixture(scope="module", params=Family, ids=lambda family: family.value)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Board, Built, Path]:
    board, home = SMALL[request.param], tmp_path_factory.mktemp(request.param.value)
    return board, rebuilt(board, home), home


def test_the_same_sources_give_the_same_bytes(built: tuple[Board, Built, Path], tmp_path: Path) -> None:
    board, first, _ = built
    second = rebuilt(board, tmp_path)
    assert first.bitstream.read_bytes() == second.bitstream.read_bytes()
    assert first.report == second.report
    assert first.bitstream.name == bitstream_name(board.family)


def test_the_bitstream_carries_its_build_id(built: tuple[Board, Built, Path]) -> None:
    board, made, _ = built
    bits, build_id = made.bitstream.read_bytes(), made.report.build_id
    assert bits.startswith(b"\xff\x00" + f"livetrap {build_id}".encode() + b"\0")
    if board.family is Family.ECP5:
        # LSC_PROG_USERCODE with CRC, of the ECP5 sysCONFIG guide.
        assert b"\xc2\x80\x00\x00" + bytes.fromhex(build_id[:8]) in bits


def test_what_was_built_is_not_built_again(built: tuple[Board, Built, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    board, first, home = built
    for name in ("YOSYS", "NEXTPNR_ECP5", "NEXTPNR_ICE40", "ECPPACK", "ICEPACK"):
        refusing = replace(getattr(tools, name), command=("false",))
        monkeypatch.setattr(tools, name, refusing)
    assert rebuilt(board, home) == first


def test_a_build_id_covers_design_firmware_pins_and_tools(
    built: tuple[Board, Built, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, made, home = built
    chip = tiny_chip(board)

    def build_id(board: Board = board, **changes: object) -> str:
        return building._Flow(board, replace(chip, **changes), silent, 1, home).build_id(1)

    ids = [
        made.report.build_id,
        build_id(design=tiny_chip(board, bits=23).design),
        build_id(firmware=b"other"),
        build_id(design=replace(chip.design, constraints=chip.design.constraints + "\n")),
        build_id(replace(board, clock_mhz=13.0)),
        build_id(replace(board, speed="8")),
    ]
    monkeypatch.setattr(tools, "tool_version", lambda tool: f"{tool.package} 0")
    ids.append(build_id())
    assert len(set(ids)) == len(ids)
    monkeypatch.undo()
    assert build_id() == build_id(slot=b"the same firmware under another signature") == ids[0]


def test_a_report_survives_its_json(built: tuple[Board, Built, Path]) -> None:
    _, made, _ = built
    fields = json.loads((made.directory / "report.json").read_text())
    assert from_json(fields) == made.report and fields["timing_met"] is True


def test_timing_that_is_not_met_is_an_error_and_leaves_no_bitstream(tmp_path: Path) -> None:
    board = replace(BOARDS["icebreaker"], platform=_hurried_platform)
    for _ in range(2):
        with pytest.raises(TimingNotMet) as error:
            rebuilt(board, tmp_path, seeds=(1, 2))
        assert "timing is not met, there is no bitstream" in str(error.value)
        assert "MHz of 400 MHz with the best of 2 seeds; slowest path: " in str(error.value)
        assert error.value.exit_code == 2
    assert not list(tmp_path.rglob("bitstream*"))
    assert whole(tmp_path) == {"icebreaker-tiny", "icebreaker-tiny-netlist"}


def _hurried_platform():
    """iCEBreaker with an oscillator that is too fast for it."""
    from amaranth.build import Attrs, Clock, Pins, Resource
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    class Hurried(ICEBreakerPlatform):
        resources = [
            each
            if each.name != "clk12"
            else Resource("clk12", 0, Pins("35", dir="i"), Clock(400e6), Attrs(GLOBAL=True))
            for each in ICEBreakerPlatform.resources
        ]

    return Hurried()


# Seeds, with a placer that only says how fast each is.


@pytest.fixture
def placer(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seed N reaches SPEEDS[N] MHz of 50; the seeds that were placed, in order."""
    placed: list[int] = []

    def place(netlist, *arguments, loops: int, seconds: float) -> Placement:
        *_, directory, seed = arguments
        placed.append(seed)
        configuration = directory / "x.asc"
        configuration.write_text(f".comment seed {seed}\n.device 5k\n")
        clock = Clock(SPEEDS[seed], 50.0)
        usage = {"ICESTORM_LC": Usage(1, 5280)}
        return Placement(configuration if clock.is_met else None, usage, {"clk": clock}, ())

    def pack(configuration: Path, family: Family, build_id: str, directory: Path, *, seconds: float) -> Path:
        path = directory / "x.bin"
        path.write_text(f"{configuration.read_text()}{build_id}")
        return path

    monkeypatch.setattr(building, "place", place)
    monkeypatch.setattr(building, "pack", pack)
    return placed


SPEEDS = {1: 49.0, 2: 51.0, 3: 60.0, 4: 55.0, 5: 50.0}


def test_the_first_seed_that_meets_timing_is_taken(placer: list[int], tmp_path: Path) -> None:
    made = rebuilt(BOARDS["icebreaker"], tmp_path, seeds=(5, 1, 2, 3))
    assert (made.report.seed, placer) == (2, [5, 1, 2])
    assert [report.seed for report in made.others] == [5, 1]


def test_of_all_seeds_the_fastest_is_taken(placer: list[int], tmp_path: Path) -> None:
    made = rebuilt(BOARDS["icebreaker"], tmp_path, seeds=(1, 2, 3, 4, 3), all_seeds=True)
    assert (made.report.seed, placer) == (3, [1, 2, 3, 4])
    assert made.bitstream.read_text().endswith(made.report.build_id)
    assert len({report.build_id for report in (made.report, *made.others)}) == 4


def test_the_best_of_seeds_that_all_fail_is_told(placer: list[int], tmp_path: Path) -> None:
    with pytest.raises(TimingNotMet, match=r"clk reaches 50\.00 MHz of 50 MHz with the best of 2 seeds"):
        rebuilt(BOARDS["icebreaker"], tmp_path, seeds=(1, 5))


def test_a_design_without_a_clock_is_refused(placer: list[int], tmp_path: Path, monkeypatch) -> None:
    place = building.place

    def unclocked(*arguments, **options) -> Placement:
        return replace(place(*arguments, **options), clocks={})

    monkeypatch.setattr(building, "place", unclocked)
    with pytest.raises(LivetrapError, match="found no clock"):
        rebuilt(BOARDS["icebreaker"], tmp_path, seeds=(2,))
    assert whole(tmp_path) == {"icebreaker-tiny-netlist"}


# Failures of the tools.


def test_what_does_not_fit_is_told_with_the_largest_block(tmp_path: Path) -> None:
    board = BOARDS["icebreaker"]
    chip = tiny_chip(board)
    with pytest.raises(tools.ToolError) as error:
        build(board, replace(chip, design=_too_large(board)), silent, home=tmp_path)
    log = tmp_path / "logs" / "icebreaker-tiny-nextpnr-ice40.log"
    assert str(error.value) == (
        "icebreaker, configuration tiny: does not fit up5k: 2 bram too many (32 of 30), largest: weights.block 32; "
        f"all it said is in {log}"
    )
    assert "ERROR" in log.read_text()
    assert whole(tmp_path) == {"icebreaker-tiny-netlist", "icebreaker-tiny-blocks"}


def _too_large(board: Board):
    from amaranth.hdl import Module, Signal
    from amaranth.lib import io

    from boards.flow.block import RegisteredBlock
    from boards.flow.rtlil import design
    from rtl.memory.weights import WeightMemory

    m = Module()
    m.submodules.weights = weights = RegisteredBlock(WeightMemory(1024))
    m.submodules.other = other = Module()
    count = Signal(8)
    other.d.sync += count.eq(count + 1)
    m.d.comb += [weights.serial_in.eq(count[3]), weights.capture.eq(count[7])]
    platform = board.platform()
    m.submodules.light = light = io.Buffer("o", platform.request("led", 0, dir="-"))
    m.d.comb += light.o.eq(weights.serial_out)
    return design(m, "livetrap", platform)


@pytest.mark.parametrize(
    ("name", "stage"), [("YOSYS", "yosys"), ("NEXTPNR_ICE40", "nextpnr-ice40"), ("ICEPACK", "icepack")]
)
def test_a_tool_that_is_killed_leaves_nothing_half_written(
    name: str, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = BOARDS["icebreaker"]
    with monkeypatch.context() as patch:
        patch.setattr(
            tools, name, stand_in(stage, "import os; print('halfway'); sys.stdout.flush(); os.kill(os.getpid(), 9)")
        )
        with pytest.raises(tools.ToolError) as error:
            rebuilt(board, tmp_path)
    log = tmp_path / "logs" / f"icebreaker-tiny-{stage}.log"
    assert (
        str(error.value) == f"icebreaker, configuration tiny: {stage} was killed by SIGKILL; all it said is in {log}"
    )
    assert log.read_text() == "halfway\n"
    assert whole(tmp_path) == (set() if name == "YOSYS" else {"icebreaker-tiny-netlist"})
    assert rebuilt(board, tmp_path).report.is_met


def test_a_build_that_is_killed_leaves_nothing_that_counts(tmp_path: Path) -> None:
    """SIGKILL in the middle of synthesis, which no clean-up outlives."""
    script = f"""
from pathlib import Path
from boards import BOARDS
from boards.flow import tools
from tests.unit.test_boards_build import rebuilt
from tests.unit.tiny_chip import stand_in
tools.YOSYS = stand_in("yosys", "import time; open('livetrap.json', 'w').write('half'); time.sleep(5)")
rebuilt(BOARDS["icebreaker"], Path({str(tmp_path)!r}))
"""
    killed = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + WAIT_SECONDS
    while not list(tmp_path.rglob("livetrap.json")):
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait(WAIT_SECONDS)
    made = rebuilt(BOARDS["icebreaker"], tmp_path)
    assert made.report.is_met
    assert whole(tmp_path) == {"icebreaker-tiny", "icebreaker-tiny-netlist"}
