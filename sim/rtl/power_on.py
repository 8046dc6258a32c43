"""The chip as the emulator clocks it: reset at power-on, and nothing but registers at its ports."""

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

RESET_CYCLES = 16


class _Stage(wiring.Component):
    """A register in a stream: no path from the inputs to the outputs of either side; an item every other cycle."""

    def __init__(self, shape) -> None:
        super().__init__({"source": In(stream.Signature(shape)), "sink": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.source.ready.eq(~self.sink.valid)
        with m.If(~self.sink.valid):
            m.d.sync += [self.sink.payload.eq(self.source.payload), self.sink.valid.eq(self.source.valid)]
        with m.Elif(self.sink.ready):
            m.d.sync += self.sink.valid.eq(0)
        return m


class PowerOn(wiring.Component):
    """A component whose ports are streams, with the same ports, reset in the first RESET_CYCLES cycles.

    Verilator settles all logic behind an input again whenever inputs may have changed. Amaranth's registers have
    `rst` in their next-state logic, so as an input it would put nearly the whole chip there. Here reset is a
    register, and every stream passes through one.
    """

    def __init__(self, component: wiring.Component) -> None:
        super().__init__(component.signature)
        self._component = component

    def elaborate(self, platform):
        m = Module()
        m.domains.chip = ClockDomain()
        cycles = Signal(range(RESET_CYCLES), reset_less=True)
        resetting = Signal(init=1, reset_less=True)
        with m.If(resetting):
            m.d.sync += [cycles.eq(cycles + 1), resetting.eq(cycles != RESET_CYCLES - 1)]
        m.d.comb += [ClockSignal("chip").eq(ClockSignal("sync")), ResetSignal("chip").eq(resetting)]
        m.submodules.soc = DomainRenamer("chip")(self._component)
        for name, member in self.signature.members.items():
            outer, inner = flipped(getattr(self, name)), getattr(self._component, name)
            stage = _Stage(inner.payload.shape())
            m.submodules[f"{name}_stage"] = DomainRenamer("chip")(stage)
            if member.flow == In:
                connect(m, outer, stage.source)
                connect(m, stage.sink, inner)
            else:
                connect(m, inner, stage.source)
                connect(m, stage.sink, outer)
        return m
