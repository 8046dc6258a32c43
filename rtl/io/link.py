"""The host link as the CPU sees it: two byte FIFOs behind three registers."""

from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from rtl.bus import RegisterPeripheral, read_only, write_only

RX_DEPTH = 512
TX_DEPTH = 512


class LinkPeripheral(RegisterPeripheral):
    """Byte stream to and from the host.

    rx: bytes from the host; ready while fewer than RX_DEPTH bytes wait.
    tx: bytes to the host, in order; at most TX_DEPTH wait. A byte written while tx_ready is 0 is dropped.
    Reading `rx` takes the byte when its `valid` is 1. tx_room: bytes that `tx` takes without loss.
    """

    def __init__(self):
        super().__init__(
            {
                "rx": read_only(data=8, valid=1),
                "tx": write_only(data=8),
                "status": read_only(tx_ready=1, rx_valid=1),
                "tx_room": read_only(bytes=10),
            },
            {"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))},
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        rx, tx, status = self.registers["rx"].f, self.registers["tx"].f, self.registers["status"].f

        m.submodules.rx_fifo = rx_fifo = SyncFIFOBuffered(width=8, depth=RX_DEPTH)
        m.submodules.tx_fifo = tx_fifo = SyncFIFOBuffered(width=8, depth=TX_DEPTH)
        m.d.comb += [
            rx_fifo.w_data.eq(self.rx.payload),
            rx_fifo.w_en.eq(self.rx.valid),
            self.rx.ready.eq(rx_fifo.w_rdy),
            rx.data.r_data.eq(rx_fifo.r_data),
            rx.valid.r_data.eq(rx_fifo.r_rdy),
            rx_fifo.r_en.eq(rx.data.r_stb),
            tx_fifo.w_data.eq(tx.data.w_data),
            tx_fifo.w_en.eq(tx.data.w_stb),
            self.tx.payload.eq(tx_fifo.r_data),
            self.tx.valid.eq(tx_fifo.r_rdy),
            tx_fifo.r_en.eq(self.tx.ready),
            status.tx_ready.r_data.eq(tx_fifo.w_rdy),
            status.rx_valid.r_data.eq(rx_fifo.r_rdy),
            self.registers["tx_room"].f.bytes.r_data.eq(TX_DEPTH - tx_fifo.level),
        ]
        return m
