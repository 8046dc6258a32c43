"""A stand-in for a chip on a board: the host works its flash and its fuses by hand, over the link."""

from enum import IntEnum

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl.io.flash import FLASH_BYTE
from rtl.io.otp import BURN


class Order(IntEnum):
    """First of the three bytes of an order from the host, with what the others are and what is answered."""

    BYTE = 0
    """A byte for the flash, ignored: the flash's answer."""
    LAST = 1
    """The same, with the end of the transaction."""
    BURN = 2
    """Address of a fuse byte, bits to set: DONE once it is burnt."""


DONE = 0x42


class HandWorkedChip(wiring.Component):
    """Sends the fuses to the host as they are read, and then carries out its orders. capturing: 1 while a fuse is
    burnt. Has the ports of LivetrapSoC."""

    link_rx: In(stream.Signature(8))
    link_tx: Out(stream.Signature(8))
    otp_load: In(stream.Signature(8))
    otp_burn: Out(stream.Signature(BURN))
    noise: In(stream.Signature(1))
    flash_tx: Out(stream.Signature(FLASH_BYTE))
    flash_rx: In(stream.Signature(8))
    capturing: Out(1)

    def elaborate(self, platform):
        m = Module()
        order, first, second = Signal(8), Signal(8), Signal(8)
        m.d.comb += self.noise.ready.eq(1)
        with m.FSM():
            for state, (target, after) in {
                "ORDER": (order, "FIRST"), "FIRST": (first, "SECOND"), "SECOND": (second, "DO"),
            }.items():  # fmt: skip
                with m.State(state):
                    takes = self.link_rx.valid
                    if state == "ORDER":
                        m.d.comb += [
                            self.link_tx.payload.eq(self.otp_load.payload),
                            self.link_tx.valid.eq(self.otp_load.valid),
                            self.otp_load.ready.eq(self.link_tx.ready),
                        ]
                        takes = takes & ~self.otp_load.valid
                    m.d.comb += self.link_rx.ready.eq(takes)
                    with m.If(takes):
                        m.d.sync += target.eq(self.link_rx.payload)
                        m.next = after
            with m.State("DO"):
                burns = order == Order.BURN
                m.d.comb += [
                    self.capturing.eq(burns),
                    self.otp_burn.valid.eq(burns),
                    self.otp_burn.payload.address.eq(first),
                    self.otp_burn.payload.data.eq(second),
                    self.flash_tx.valid.eq(~burns),
                    self.flash_tx.payload.data.eq(first),
                    self.flash_tx.payload.last.eq(order == Order.LAST),
                ]
                with m.If(self.otp_burn.valid & self.otp_burn.ready):
                    m.d.sync += first.eq(DONE)
                    m.next = "ANSWER"
                with m.If(self.flash_tx.valid & self.flash_tx.ready):
                    m.next = "AWAIT"
            with m.State("AWAIT"):
                m.d.comb += self.flash_rx.ready.eq(1)
                with m.If(self.flash_rx.valid):
                    m.d.sync += first.eq(self.flash_rx.payload)
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [self.link_tx.valid.eq(1), self.link_tx.payload.eq(first)]
                with m.If(self.link_tx.ready):
                    m.next = "ORDER"
        return m
