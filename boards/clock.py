"""The chip's clock on a board, and its reset after power-on."""

from dataclasses import astuple
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Elaboratable, Instance, Module, ResetSignal, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from boards.flow.family import Family
from boards.pll import ecp5_pll, ice40_pll

RESET_SECONDS = 15e-6
"""Block RAMs of iCE40 read as zeros for 3 us after configuration; with a margin."""


class PowerOnReset(wiring.Component):
    """Holds `reset` from configuration on, until `locked` (asynchronous) has been 1 for `cycles` cycles in a row.

    Then it never comes again: what is in the middle of a flash transaction, or holds a key, is not reset by halves.
    ValueError unless cycles is 1 or more.
    """

    locked: In(1)
    reset: Out(1, init=1)

    def __init__(self, cycles: int):
        if cycles < 1:
            raise ValueError(f"a reset of {cycles} cycles: 1 or more are needed")
        self.cycles = cycles
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        locked, over, cycle = Signal(), Signal(reset_less=True), Signal(range(self.cycles), reset_less=True)
        m.submodules.synchroniser = FFSynchronizer(self.locked, locked)
        m.d.comb += self.reset.eq(~over)
        with m.If(~over):
            m.d.sync += cycle.eq(cycle + 1)
            with m.If(~locked):
                m.d.sync += cycle.eq(0)
            with m.Elif(cycle == self.cycles - 1):
                m.d.sync += over.eq(1)
        return m


class BoardClock(Elaboratable):
    """Makes domain `sync` of the platform's oscillator: of itself, or by the FPGA's PLL where clock_mhz is another.

    Raises ValueError, when it is made, for a frequency that the PLL cannot make exactly. The tools are told the
    frequency of `sync`.

    at_pad: the oscillator comes in at the pin that belongs to the iCE40's PLL, and can be used by nothing else then.
    """

    def __init__(self, family: Family, oscillator_mhz: float, clock_mhz: float, at_pad: bool = False):
        self.family = family
        self.oscillator_mhz = oscillator_mhz
        self.clock_mhz = clock_mhz
        self.at_pad = at_pad
        pll = {Family.ECP5: ecp5_pll, Family.ICE40: ice40_pll}[family]
        self.pll: Any = None if clock_mhz == oscillator_mhz else pll(oscillator_mhz, clock_mhz)

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        # The reset's own counter is on the same clock, and nothing resets it.
        m.domains.power_on = power_on = ClockDomain(reset_less=True, local=True)
        clock = Signal(name="chip_clock", attrs={"keep": 1})
        locked = Signal()
        pin = platform.request(platform.default_clk, dir="-")
        if self.pll is None:
            m.submodules.buffer = buffer = io.Buffer("i", pin)
            m.d.comb += [clock.eq(buffer.i), locked.eq(1)]
        elif self.family is Family.ECP5:
            m.submodules.buffer = buffer = io.Buffer("i", pin)
            m.submodules.pll = self._ecp5(buffer.i, clock, locked)
        else:
            if self.at_pad:
                kind, source = "SB_PLL40_PAD", {"i_PACKAGEPIN": pin.io}
            else:
                m.submodules.buffer = buffer = io.Buffer("i", pin)
                kind, source = "SB_PLL40_CORE", {"i_REFERENCECLK": buffer.i}
            m.submodules.pll = self._ice40(kind, source, clock, locked)
        if self.pll is not None:
            platform.add_clock_constraint(clock, self.clock_mhz * 1e6)

        cycles = round(RESET_SECONDS * self.clock_mhz * 1e6)
        m.submodules.reset = reset = DomainRenamer("power_on")(PowerOnReset(cycles))
        m.d.comb += [
            ClockSignal("sync").eq(clock),
            power_on.clk.eq(clock),
            reset.locked.eq(locked),
            ResetSignal("sync").eq(reset.reset),
        ]
        return m

    def _ecp5(self, source, clock, locked):
        input_divisor, feedback_divisor, output_divisor = astuple(self.pll)
        return Instance(
            "EHXPLLL",
            # For the tools' information, and the filter's settings as Lattice's own generator makes them.
            a_FREQUENCY_PIN_CLKI=str(self.oscillator_mhz),
            a_FREQUENCY_PIN_CLKOP=str(self.clock_mhz),
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_CLKI_DIV=input_divisor,
            p_CLKFB_DIV=feedback_divisor,
            p_CLKOP_DIV=output_divisor,
            p_CLKOP_CPHASE=output_divisor - 1,
            p_CLKOP_FPHASE=0,
            p_CLKOP_ENABLE="ENABLED",
            p_FEEDBK_PATH="CLKOP",
            p_OUTDIVIDER_MUXA="DIVA",
            p_PLLRST_ENA="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_INTFB_WAKE="DISABLED",
            i_CLKI=source,
            i_CLKFB=clock,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=1,
            i_PHASESTEP=1,
            i_PHASELOADREG=1,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            o_CLKOP=clock,
            o_LOCK=locked,
        )

    def _ice40(self, kind, source, clock, locked):
        return Instance(
            kind,
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=self.pll.divr,
            p_DIVF=self.pll.divf,
            p_DIVQ=self.pll.divq,
            p_FILTER_RANGE=self.pll.filter_range,
            i_RESETB=1,
            i_BYPASS=0,
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
            **source,
        )
