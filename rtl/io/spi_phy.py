"""SPI PHY for boards: the flash peripheral's byte streams on four pins, SPI mode 0, most significant bit first."""

from types import SimpleNamespace

import luna_soc  # noqa: F401  as in rtl/bus.py
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from luna_soc.gateware.core.spiflash import SPIPHYController

from rtl.io.flash import FLASH_BYTE


class SpiPhy(wiring.Component):
    """Moves a byte in each direction at a time, by luna-soc's controller.

    divisor: SCK is clock / (2 * (1 + divisor)). deselect_cycles: CS is inactive for more cycles than that between two
    transactions (the W25Q32JV asks for 50 ns). ValueError unless both are 1 or more.

    * `tx`: bytes for the part. CS becomes active two cycles after a transaction's first byte is valid, and inactive
      two cycles after the answer to its byte with `last` was taken.
    * `rx`: exactly one answer to each byte, valid from the cycle after that byte's transfer until it is taken; the
      part waits meanwhile.
    * `sck`, `cs_n`, `copi`: each a register, `cs_n` with an inverter behind it. `cipo` passes one flop, which takes
      it 1 + divisor clock periods after SCK fell, as SCK rises. A part's WP and HOLD pins are the board's to pull up.

    A byte takes 16 * (1 + divisor) + 3 cycles while nobody waits. A transaction's first byte is transferred one
    cycle less than that after it is valid; the next transaction can begin deselect_cycles + 1 cycles after the last
    answer is valid.
    """

    tx: In(stream.Signature(FLASH_BYTE))
    rx: Out(stream.Signature(8))
    sck: Out(1)
    cs_n: Out(1, init=1)
    copi: Out(1)
    cipo: In(1)

    def __init__(self, divisor: int = 1, deselect_cycles: int = 4):
        # The controller's clock generator compares with the divisor in a way that Verilator refuses for 0.
        if min(divisor, deselect_cycles) < 1:
            raise ValueError(f"divisor {divisor}, {deselect_cycles} cycles deselected: both must be 1 or more")
        self.divisor = divisor
        self.deselect_cycles = deselect_cycles
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        # Data lines: 0 to the part, 1 from it.
        pads = SimpleNamespace(
            sck=Signal(name="sck_pad"),
            cs=SimpleNamespace(o=Signal(name="cs_pad")),
            dq=SimpleNamespace(o=Signal(2, name="dq_o"), i=Signal(2, name="dq_i"), oe=Signal(2, name="dq_oe")),
        )
        m.submodules.controller = controller = SPIPHYController(pads, data_width=8, divisor=self.divisor)
        m.d.comb += [
            self.sck.eq(pads.sck),
            self.cs_n.eq(~pads.cs.o),
            self.copi.eq(pads.dq.o[0]),
            pads.dq.i[1].eq(self.cipo),
        ]

        closing = Signal()
        deselected = Signal(range(self.deselect_cycles + 1))
        source, sink = controller.source, controller.sink
        m.d.comb += [
            source.data.eq(self.tx.payload.data),
            source.len.eq(8),
            source.width.eq(1),
            source.mask.eq(1),
            self.rx.payload.eq(sink.data),
        ]
        with m.FSM():
            with m.State("DESELECTED"):
                with m.If(self.tx.valid):
                    m.next = "SELECTED"
            with m.State("SELECTED"):
                m.d.comb += [
                    controller.cs.eq(1),
                    source.valid.eq(self.tx.valid & ~closing),
                    self.tx.ready.eq(source.ready),
                    self.rx.valid.eq(sink.valid),
                    sink.ready.eq(self.rx.ready),
                ]
                with m.If(self.tx.valid & self.tx.ready & self.tx.payload.last):
                    m.d.sync += closing.eq(1)
                with m.If(closing & self.rx.valid & self.rx.ready):
                    m.d.sync += [closing.eq(0), deselected.eq(0)]
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.sync += deselected.eq(deselected + 1)
                with m.If(deselected == self.deselect_cycles - 1):
                    m.next = "DESELECTED"
        return m
