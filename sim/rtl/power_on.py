"""The chip as the emulator clocks it: with a power-on reset of its own."""

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

RESET_CYCLES = 16


class PowerOn(wiring.Component):
    """A component with the same ports, reset in the first RESET_CYCLES cycles.

    Amaranth's registers have `rst` in their next-state logic. As an input it would make Verilator settle
    nearly the whole design again whenever an input changes, so it is a register here. Inputs must not be valid,
    and outputs are of no meaning, in the cycles of reset.
    """

    def __init__(self, component: wiring.Component) -> None:
        super().__init__(component.signature)
        self._component = component

    def elaborate(self, platform):
        m = Module()
        m.domains.chip = ClockDomain()
        cycles = Signal(range(RESET_CYCLES + 1), reset_less=True)
        resetting = Signal(init=1, reset_less=True)
        with m.If(resetting):
            m.d.sync += [cycles.eq(cycles + 1), resetting.eq(cycles != RESET_CYCLES - 1)]
        m.d.comb += [ClockSignal("chip").eq(ClockSignal("sync")), ResetSignal("chip").eq(resetting)]
        m.submodules.soc = DomainRenamer("chip")(self._component)
        for name in self.signature.members:
            member = self.signature.members[name]
            outer, inner = getattr(self, name), getattr(self._component, name)
            if member.is_signature:
                connect(m, flipped(outer), inner)
            elif member.flow == wiring.In:
                m.d.comb += inner.eq(outer)
            else:
                m.d.comb += outer.eq(inner)
        return m
