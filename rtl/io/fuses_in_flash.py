"""One flash for a chip and its fuses: the guard before the chip, the store of the fuses, and whose turn it is."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.flash import ADDRESS_BYTES, SECTOR_BYTES, FlashPart
from rtl.io.flash import FLASH_BYTE
from rtl.io.flash_guard import FlashGuard
from rtl.io.fuse_store import FuseStore
from rtl.io.otp import BURN


class FusesInFlash(wiring.Component):
    """What LivetrapSoC needs of flash and fuses, from one part.

    part: the flash. offset: of the sector with the fuses, within the part and its first 2**24 bytes. wake_cycles,
    status_reads: of FuseStore. ValueError for what it or FlashGuard refuses, and for a size that is no power of two.

    chip_tx, chip_rx: the chip's transactions, as FlashGuard lets them through. load, burns, failed: of FuseStore.
    part_tx, part_rx: SPI by bytes, to the PHY. For the power-on domain.

    Transactions are never mixed. At first the fuses have the part, until they are read; then it is the chip's, until
    a burn comes between two of its transactions. The chip waits for a whole burn, as long as the part takes to
    program, and a write enable that came before the burn is used up by it.
    """

    chip_tx: In(stream.Signature(FLASH_BYTE))
    chip_rx: Out(stream.Signature(8))
    load: Out(stream.Signature(8))
    burns: In(stream.Signature(BURN))
    part_tx: Out(stream.Signature(FLASH_BYTE))
    part_rx: In(stream.Signature(8))
    failed: Out(1)

    def __init__(self, part: FlashPart, offset: int, wake_cycles: int, status_reads: int):
        if part.size & (part.size - 1):
            raise ValueError(f"a flash of {part.size} bytes: a power of two is needed")
        address_bits = min(part.size.bit_length() - 1, 8 * ADDRESS_BYTES)
        self.guard = FlashGuard(offset // SECTOR_BYTES, address_bits)
        self.store = FuseStore(offset, part.jedec_ids, wake_cycles, status_reads)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.guard = guard = self.guard
        m.submodules.store = store = self.store
        connect(m, flipped(self.chip_tx), guard.chip_tx)
        connect(m, guard.chip_rx, flipped(self.chip_rx))
        connect(m, store.load, flipped(self.load))
        connect(m, flipped(self.burns), store.burns)

        fuses_have_it = Signal(init=1)
        # The chip's transaction: begun, and its last byte taken.
        begun, closing = Signal(), Signal()
        tx, rx = self.part_tx, self.part_rx
        m.d.comb += [
            store.granted.eq(fuses_have_it),
            self.failed.eq(store.failed),
            tx.valid.eq(Mux(fuses_have_it, store.tx.valid, guard.part_tx.valid)),
            tx.payload.eq(Mux(fuses_have_it, store.tx.payload, guard.part_tx.payload)),
            store.tx.ready.eq(tx.ready & fuses_have_it),
            guard.part_tx.ready.eq(tx.ready & ~fuses_have_it),
            store.rx.payload.eq(rx.payload),
            guard.part_rx.payload.eq(rx.payload),
            store.rx.valid.eq(rx.valid & fuses_have_it),
            guard.part_rx.valid.eq(rx.valid & ~fuses_have_it),
            rx.ready.eq(Mux(fuses_have_it, store.rx.ready, guard.part_rx.ready)),
        ]
        with m.If(fuses_have_it):
            m.d.sync += fuses_have_it.eq(store.request)
        with m.Else():
            with m.If(guard.part_tx.valid):
                m.d.sync += begun.eq(1)
            with m.Elif(~begun):
                m.d.sync += fuses_have_it.eq(store.request)
            with m.If(tx.valid & tx.ready & tx.payload.last):
                m.d.sync += closing.eq(1)
            with m.If(closing & rx.valid & rx.ready):
                m.d.sync += [begun.eq(0), closing.eq(0)]
        return m
