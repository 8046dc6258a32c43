"""Place and route: what nextpnr says of size, timing and loops, and what is made of its failures."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from boards.flow import tools
from boards.flow.block import RegisteredBlock
from boards.flow.family import Family
from boards.flow.placement import DoesNotFit, Placement, Usage, place
from boards.flow.rtlil import design
from boards.flow.synthesis import Netlist, synthesise
from rtl.io.ring_oscillator import RING_LENGTHS, LutFamily, RingOscillator
from rtl.memory.weights import WeightMemory
from tests.unit.tiny_chip import stand_in

DEVICES = {Family.ECP5: ("25k", "CABGA256", "6"), Family.ICE40: ("up5k", "sg48", "")}
EASY_MHZ, HOPELESS_MHZ = 10, 900


class Adder(wiring.Component):
    """A register of a sum."""

    a: In(16)
    b: In(16)
    sum: Out(16)

    def elaborate(self, platform):
        m = Module()
        kept = Signal(16)
        m.d.sync += [kept.eq(kept + self.a), self.sum.eq(kept ^ self.b)]
        return m


@pytest.fixture(scope="module", params=Family, ids=lambda family: family.value)
def adder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Family, Netlist]:
    directory = tmp_path_factory.mktemp(request.param.value)
    return request.param, synthesise(design(RegisteredBlock(Adder()), "adder"), request.param, directory)


def placed(netlist: Netlist, family: Family, directory: Path, mhz: float, **options: int) -> Placement:
    device, package, speed = DEVICES[family]
    return place(netlist, family, device, package, speed, "", mhz, directory, **options)


def test_timing_that_is_met(adder: tuple[Family, Netlist], tmp_path: Path) -> None:
    family, netlist = adder
    found = placed(netlist, family, tmp_path, EASY_MHZ)
    (clock,) = found.clocks.values()
    assert clock.target_mhz == pytest.approx(EASY_MHZ, rel=1e-5)
    assert found.is_met and clock.mhz > EASY_MHZ
    assert found.path is not None and found.path.stat().st_size
    slowest = max(found.critical_paths, key=lambda path: path.delay_ns if path.start == path.end else 0)
    assert slowest.delay_ns == pytest.approx(1000 / clock.mhz, abs=0.01)
    assert 0 < slowest.logic_ns < slowest.delay_ns
    luts = {Family.ECP5: "TRELLIS_COMB", Family.ICE40: "ICESTORM_LC"}[family]
    assert 48 <= found.usage[luts].used < 150


def test_timing_that_is_not_met_leaves_figures_and_no_configuration(
    adder: tuple[Family, Netlist], tmp_path: Path
) -> None:
    family, netlist = adder
    found = placed(netlist, family, tmp_path, HOPELESS_MHZ)
    assert found.path is None and not found.is_met
    assert [clock.target_mhz for clock in found.clocks.values()] == [pytest.approx(HOPELESS_MHZ, rel=1e-4)]
    assert not list(tmp_path.glob("*.config")) + list(tmp_path.glob("*.asc"))


def test_a_seed_moves_things_and_the_same_one_does_not(adder: tuple[Family, Netlist], tmp_path: Path) -> None:
    family, netlist = adder
    texts = []
    for number, seed in enumerate((1, 1, 2)):
        directory = tmp_path / str(number)
        directory.mkdir()
        texts.append(placed(netlist, family, directory, EASY_MHZ, seed=seed).path.read_text())
    assert texts[0] == texts[1] != texts[2]


def test_what_does_not_fit_is_told_by_how_much(tmp_path: Path) -> None:
    """A block RAM holds 4 Kbit, and of two reading ports each has its own; the device has 30 blocks."""
    netlist = synthesise(design(RegisteredBlock(WeightMemory(1024)), "weights"), Family.ICE40, tmp_path)
    with pytest.raises(DoesNotFit) as error:
        placed(netlist, Family.ICE40, tmp_path, EASY_MHZ)
    assert error.value.lacking == {"ICESTORM_RAM": Usage(32, 30)}
    assert error.value.problem == "2 ICESTORM_RAM too many (32 of 30)"
    assert error.value.log == tmp_path / "nextpnr-ice40.log"


@pytest.mark.parametrize("family", Family, ids=lambda family: family.value)
def test_loops_must_be_as_many_as_are_meant(family: Family, tmp_path: Path) -> None:
    rings = RingOscillator(LutFamily[family.name])
    netlist = synthesise(design(rings, "rings"), family, tmp_path)
    assert placed(netlist, family, tmp_path, EASY_MHZ, loops=len(RING_LENGTHS)).is_met
    with pytest.raises(tools.ToolError, match="6 combinational loops, 5 are meant"):
        placed(netlist, family, tmp_path, EASY_MHZ, loops=5)
    with pytest.raises(tools.ToolError, match="combinational loops"):
        placed(netlist, family, tmp_path, EASY_MHZ)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("raise RuntimeError('a trap in the WebAssembly')", "crashed with exit code 1"),
        ("print('ERROR: cell without a port'); sys.exit(125)", "failed: cell without a port"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        # The words of a failed timing, but no report: it stopped before the end.
        ("print(\"ERROR: Max frequency for clock 'clk': 1 MHz\"); sys.exit(1)", "failed: Max frequency for clock"),
    ],
)
def test_a_placer_that_fails(script: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "NEXTPNR_ECP5", stand_in("nextpnr-ecp5", "open('x.config', 'w').close()\n" + script))
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(tools.ToolError, match=problem):
        placed(Netlist("x", tmp_path / "x.json", {}), Family.ECP5, tmp_path, EASY_MHZ)


def test_a_report_that_contradicts_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says 0, for "timing is met", and reports a clock that is too slow."""
    report = '{"utilization": {}, "fmax": {"clk": {"achieved": 5.0, "constraint": 10.0}}, "critical_paths": []}'
    script = f"open('placement.json', 'w').write('{report}'); open('x.config', 'w').close()"
    monkeypatch.setattr(tools, "NEXTPNR_ECP5", stand_in("nextpnr-ecp5", script))
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(tools.ToolError, match="contradict"):
        placed(Netlist("x", tmp_path / "x.json", {}), Family.ECP5, tmp_path, EASY_MHZ)
    assert not (tmp_path / "x.config").exists()
