"""UART PHY for boards: the host link's byte stream on two pins, 8 data bits, no parity, one stop bit."""

import luna_soc  # noqa: F401 (makes amaranth_stdio importable)
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from amaranth_stdio.serial import AsyncSerialRX, AsyncSerialTX

MINIMUM_DIVISOR = 5


class UartPhy(wiring.Component):
    """A byte stream in each direction over a serial line at clock / divisor baud.

    divisor: clock cycles in a bit, at least MINIMUM_DIVISOR.

    * `rx_pin`: passes two flops, then each bit is sampled in its middle. `tx_pin`: idles at 1.
    * `rx`: the received byte, valid until it is taken; there is room for one, beside the one on the line. A line
      cannot be held back, so a byte that ends while the one before still waits is dropped.
    * `tx`: a byte is taken when the line is free for it, every 10 * divisor + 1 cycles.
    * `framing_error`, `overrun`: set by a byte that is dropped because its start or stop bit is wrong, or because
      the one before was not taken in time; cleared by `clear_errors`.
    """

    rx: Out(stream.Signature(8))
    tx: In(stream.Signature(8))
    rx_pin: In(1, init=1)
    tx_pin: Out(1, init=1)
    framing_error: Out(1)
    overrun: Out(1)
    clear_errors: In(1)

    def __init__(self, divisor: int):
        if divisor < MINIMUM_DIVISOR:
            raise ValueError(f"divisor is {divisor}, less than {MINIMUM_DIVISOR}")
        self.divisor = divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = AsyncSerialRX(divisor=self.divisor)
        m.submodules.transmitter = transmitter = AsyncSerialTX(divisor=self.divisor)
        m.submodules.synchroniser = FFSynchronizer(self.rx_pin, receiver.i, init=1)
        m.d.comb += [
            receiver.ack.eq(1),
            receiver.divisor.eq(self.divisor),
            transmitter.divisor.eq(self.divisor),
            transmitter.data.eq(self.tx.payload),
            transmitter.ack.eq(self.tx.valid),
            self.tx.ready.eq(transmitter.rdy),
            self.tx_pin.eq(transmitter.o),
        ]

        waits = Signal()
        m.d.comb += waits.eq(self.rx.valid & ~self.rx.ready)
        with m.If(self.clear_errors):
            m.d.sync += [self.framing_error.eq(0), self.overrun.eq(0)]
        with m.If(self.rx.ready):
            m.d.sync += self.rx.valid.eq(0)
        with m.If(receiver.rdy):
            with m.If(receiver.err.frame):
                m.d.sync += self.framing_error.eq(1)
            with m.Elif(waits):
                m.d.sync += self.overrun.eq(1)
            with m.Else():
                m.d.sync += [self.rx.payload.eq(receiver.data), self.rx.valid.eq(1)]
        return m
