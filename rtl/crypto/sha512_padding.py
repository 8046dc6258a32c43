"""The end of a SHA-512 message: the signer's message bytes and the padding of FIPS 180-4 section 5.1.2."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

MESSAGE_BYTES = 1024
"""Of the longest message."""

WORD_BYTES = 8


def byte_reversed(word):
    """A 64-bit word with the opposite order of bytes."""
    return Cat(word[8 * i : 8 * i + 8] for i in reversed(range(WORD_BYTES)))


class Sha512Padding(wiring.Component):
    """Streams a message from a memory and then the padding, so that the whole ends with a block.

    start: when ready; `prefix_words` and `message_length` must be stable from then on.
    prefix_words: 64-bit words that the hash took before.
    message_length: bytes; message_addr, message_data: memory of 64-bit words, little-endian, data in the cycle
        after the address; bytes beyond the length may be anything.
    words: for Sha512, big-endian. One per cycle when they are taken at once.
    ready: 1 from the cycle after the last word was taken.
    """

    start: In(1)
    ready: Out(1)
    prefix_words: In(range(9))
    message_length: In(range(MESSAGE_BYTES + 1))
    message_addr: Out(range(MESSAGE_BYTES // WORD_BYTES))
    message_data: In(64)
    words: Out(stream.Signature(64))

    def elaborate(self, platform):
        m = Module()
        index = Signal(range(MESSAGE_BYTES // WORD_BYTES + 2))
        position = Signal(4)
        taken = Signal()
        length_words = self.message_length[3:]
        bits = (self.message_length + (self.prefix_words << 3)) << 3
        m.d.comb += taken.eq(self.words.valid & self.words.ready)

        last_word = Signal(64)
        with m.FSM():
            with m.State("READY"):
                m.d.comb += self.ready.eq(1)
                m.d.sync += [index.eq(0), position.eq(self.prefix_words)]
                with m.If(self.start):
                    m.next = "MESSAGE"
            with m.State("MESSAGE"):
                # The word with the byte after the message's last: its own bytes, 0x80, zeros.
                with m.Switch(self.message_length[:3]):
                    for count in range(WORD_BYTES):
                        with m.Case(count):
                            m.d.comb += last_word.eq(Cat(self.message_data[: 8 * count], Const(0x80, 8)))
                m.d.comb += [
                    self.words.valid.eq(1),
                    self.words.payload.eq(byte_reversed(Mux(index == length_words, last_word, self.message_data))),
                    self.message_addr.eq(index + taken),
                ]
                with m.If(taken):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == length_words):
                        m.next = "ZEROS"
            with m.State("ZEROS"):
                m.d.comb += self.words.valid.eq(1)
                with m.If(taken & (position == 14)):
                    m.next = "LENGTH"
            with m.State("LENGTH"):
                m.d.comb += [self.words.valid.eq(1), self.words.payload.eq(bits)]
                with m.If(taken):
                    m.next = "READY"
        with m.If(taken):
            m.d.sync += position.eq(position + 1)
        return m
