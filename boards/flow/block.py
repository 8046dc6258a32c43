"""One block by itself: its area, and its highest frequency from register to register."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from . import tools
from .family import Family
from .placement import Placement, place
from .resources import count
from .rtlil import design
from .synthesis import synthesise


class RegisteredBlock(wiring.Component):
    """A component between registers, behind four pins, so that it can be placed however many ports it has.

    All inputs are the bits of one shift register that `serial_in` fills. All outputs are registered every cycle;
    while `capture`, these registers are copied into a shift register, which `serial_out` empties.
    """

    serial_in: In(1)
    capture: In(1)
    serial_out: Out(1)

    def __init__(self, block: wiring.Component):
        super().__init__()
        self._block = block

    def elaborate(self, platform):
        m = Module()
        m.submodules.block = self._block
        inputs, outputs = _signals(self._block)
        entered = Signal(max(1, sum(map(len, inputs))), reset_less=True)
        m.d.sync += entered.eq(_shifted(entered, self.serial_in))
        offset = 0
        for signal in inputs:
            m.d.comb += signal.eq(entered[offset : offset + len(signal)])
            offset += len(signal)
        seen = Signal(max(1, sum(map(len, outputs))), reset_less=True)
        leaving = Signal(len(seen), reset_less=True)
        offset = 0
        for signal in outputs:
            m.d.sync += seen[offset : offset + len(signal)].eq(signal)
            offset += len(signal)
        m.d.sync += leaving.eq(_shifted(leaving, 0))
        with m.If(self.capture):
            m.d.sync += leaving.eq(seen)
        m.d.comb += self.serial_out.eq(leaving[-1])
        return m


@dataclass(frozen=True)
class BlockFigures:
    """area: of the block alone, by resource (see resources.count). placement: of the block between registers."""

    area: dict[str, int]
    placement: Placement

    @property
    def mhz(self) -> float:
        """Highest frequency of the block's clock."""
        return min(clock.mhz for clock in self.placement.clocks.values())


def measure(
    make_block,
    name: str,
    family: Family,
    device: str,
    package: str,
    speed: str,
    clock_mhz: float,
    directory: Path,
    *,
    options: Sequence[str] = (),
    seed: int = 1,
    loops: int = 0,
    seconds: float = tools.DEFAULT_SECONDS,
) -> BlockFigures:
    """Synthesises and places a block, out of context, in an existing directory.

    make_block: makes a new component each time it is called. clock_mhz: what place and route aim at.
    options: of synthesis. loops: as of `place`. Raises ToolError.
    """
    alone, registered = directory / "alone", directory / "registered"
    for each in (alone, registered):
        each.mkdir(exist_ok=True)
    netlist = synthesise(design(make_block(), name), family, alone, options, seconds=seconds)
    wrapped = synthesise(design(RegisteredBlock(make_block()), name), family, registered, options, seconds=seconds)
    placement = place(
        wrapped, family, device, package, speed, "", clock_mhz, registered, seed, loops=loops, seconds=seconds
    )
    return BlockFigures(count(netlist.cells, family), placement)


def _signals(block: wiring.Component) -> tuple[list[Value], list[Value]]:
    """The block's inputs and outputs, as plain unsigned signals."""
    inputs, outputs = [], []
    for _, member, value in block.signature.flatten(block):
        if Shape.cast(member.shape).width:
            (inputs if member.flow == In else outputs).append(Value.cast(value))
    return inputs, outputs


def _shifted(register, bit):
    return Cat(bit, register)[: len(register)]
