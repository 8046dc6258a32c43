"""The SPI flash as the CPU sees it: bytes to it one by one, bytes from it in words."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from rtl.bus import RegisterPeripheral, read_only, write_only

FIFO_WORDS = 4
CLOSING_BYTE = 0xFF
"""Ends a transaction that a reset has cut short: as data to be programmed it changes nothing, as one byte more or
instead of others it makes no command whole that the part would carry out elsewhere than it was meant to."""

FLASH_BYTE = data.StructLayout({"data": 8, "last": 1})
"""A byte for the part. The part is selected from a transaction's first byte until after the one with `last`."""


class FlashPeripheral(RegisterPeripheral):
    """Transactions with an SPI flash.

    flash_tx: bytes for the part. flash_rx: exactly one answer to each of them, in order, in a later cycle than its
        byte's transfer; always ready.

    Registers: writing `write` sends one byte, whose answer is dropped. Writing `read_count` sends so many zero bytes,
    the last one with `last`, and packs their answers into words, the first in the least significant byte, with zeros
    in the last word where the count is no multiple of 4; a count of zero does nothing. Reading `word` takes a word
    from a FIFO of FIFO_WORDS; while that is full the part waits. `ready`: nothing is under way, so that `write` or
    `read_count` may be written; written while it is 0, they are ignored. Words may still wait then. `word_valid`:
    `word` has one; it is undefined otherwise, and reading it takes nothing.

    A byte is on offer in the cycle after `write`'s strobe, the first to be read two cycles after that of
    `read_count`, the others in the cycle after the one before is taken. `ready` rises in the cycle after the last
    answer, `word_valid` two cycles after the answer that makes a word whole.

    A reset does not forget what the part is in the middle of: a byte on offer stays, and a transaction that is open
    is ended by CLOSING_BYTE before `ready` becomes 1. Words that wait are lost. So whatever resets the PHY must give
    this block its initial values, which a reset does not.
    """

    def __init__(self):
        super().__init__(
            {
                "write": write_only(data=8, last=1),
                "read_count": write_only(count=16),
                "word": read_only(data=32),
                "status": read_only(ready=1, word_valid=1),
            },
            {"flash_tx": Out(stream.Signature(FLASH_BYTE)), "flash_rx": In(stream.Signature(8))},
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        m.submodules.words = words = SyncFIFOBuffered(width=32, depth=FIFO_WORDS)
        register = {name: value.f for name, value in self.registers.items()}
        tx, rx = self.flash_tx, self.flash_rx

        # What the part was told outlives a reset: the byte on offer, answers that are due, whether it is selected.
        offered = Signal(FLASH_BYTE, reset_less=True)
        offers = Signal(reset_less=True)
        unanswered = Signal(range(4 * FIFO_WORDS + 1), reset_less=True)
        selected = Signal(reset_less=True)
        settled = Signal()

        send, next_byte = Signal(), Signal(FLASH_BYTE)
        answered, free = Signal(), Signal()
        m.d.comb += [
            tx.valid.eq(offers),
            tx.payload.eq(offered),
            rx.ready.eq(1),
            answered.eq(rx.valid),
            free.eq(~offers | tx.ready),
        ]
        with m.If(tx.ready):
            m.d.sync += offers.eq(0)
        with m.If(send):
            m.d.sync += [offers.eq(1), offered.eq(next_byte), selected.eq(~next_byte.last)]
        m.d.sync += unanswered.eq(unanswered + send - answered)

        to_send, to_receive = Signal(16), Signal(16)
        lane_sent, lane_received = Signal(2), Signal(2)
        reserved = Signal(range(FIFO_WORDS + 1))
        ready = Signal()
        write, read_count = register["write"], register["read_count"]
        m.d.comb += ready.eq(settled & (unanswered == 0) & (to_receive == 0))

        with m.If(~settled):
            with m.If(unanswered == 0):
                m.d.comb += [send.eq(selected), next_byte.data.eq(CLOSING_BYTE), next_byte.last.eq(1)]
                m.d.sync += settled.eq(~selected)
        with m.Elif(ready):
            with m.If(write.data.w_stb):
                m.d.comb += [send.eq(1), next_byte.data.eq(write.data.w_data), next_byte.last.eq(write.last.w_data)]
            with m.Elif(read_count.count.w_stb):
                m.d.sync += [to_send.eq(read_count.count.w_data), to_receive.eq(read_count.count.w_data)]
                m.d.sync += [lane_sent.eq(0), lane_received.eq(0)]
        # A word's first byte is sent when the FIFO has room for the word.
        begins_word, room = Signal(), Signal()
        taken, pushed = Signal(), Signal()
        m.d.comb += [begins_word.eq(lane_sent == 0), room.eq(~begins_word | (reserved != FIFO_WORDS))]
        with m.If((to_send != 0) & free & room):
            m.d.comb += [send.eq(1), next_byte.last.eq(to_send == 1)]
            m.d.sync += [to_send.eq(to_send - 1), lane_sent.eq(lane_sent + 1)]
        m.d.comb += taken.eq(register["word"].data.r_stb & words.r_rdy)
        m.d.sync += reserved.eq(reserved + (send & (to_send != 0) & begins_word) - taken)

        low_bytes, word = Signal(24), Signal(32)
        m.d.comb += [
            word.eq(low_bytes | (rx.payload << (lane_received << 3))),
            pushed.eq(answered & (to_receive != 0) & ((lane_received == 3) | (to_receive == 1))),
            words.w_data.eq(word),
            words.w_en.eq(pushed),
            words.r_en.eq(taken),
        ]
        with m.If(answered & (to_receive != 0)):
            m.d.sync += [
                to_receive.eq(to_receive - 1),
                lane_received.eq(lane_received + 1),
                low_bytes.eq(Mux(pushed, 0, word)),
            ]

        m.d.comb += [
            register["word"].data.r_data.eq(words.r_data),
            register["status"].ready.r_data.eq(ready),
            register["status"].word_valid.r_data.eq(words.r_rdy),
        ]
        return m
