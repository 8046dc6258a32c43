"""One Winternitz chain of LM-OTS (RFC 8554 section 4.3, with SHAKE256/192 of SP 800-208) in hardware."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from formats.hashing import SHAKE256_DOMAIN, WORD_BYTES
from formats.lms import HASH_BYTES, IDENTIFIER_BYTES

from .sponge_arbiter import SpongeUser

VALUE_WORDS = HASH_BYTES // WORD_BYTES
MESSAGE_WORDS = 6
"""I ‖ u32str(q) ‖ u16str(i) ‖ u8str(j) ‖ value and SHAKE256's domain byte: 48 bytes."""

LINK = data.StructLayout({"identifier": 8 * IDENTIFIER_BYTES, "q": 32, "chain": 16, "begin": 8, "end": 8})
"""Which part of which chain: byte 0 of the identifier least significant, the others numbers."""


def _big_endian(value, size: int):
    """A number as `size` bytes, the most significant first, byte 0 least significant."""
    return Cat(value.word_select(index, 8) for index in reversed(range(size)))


class LmotsChain(wiring.Component):
    """Replaces `value` with SHAKE256(I ‖ u32str(q) ‖ u16str(chain) ‖ u8str(j) ‖ value, 24 bytes) for j = begin to
    end - 1, in that order.

    start: begins with the present `value`; ignored while `busy`. With begin >= end nothing is done, `busy` stays 0.
    link: stable while `busy`.
    value: byte 0 least significant; the result once `busy` is 0 again. value_write: sets 32 bits of it, number
        value_index (0 to 5); ignored while `busy`.
    sponge: taken for one step at a time, so that another user waits for no more than that.

    Cycles of a step if nobody else has the sponge, with the sponge's N and P: 11 N + P + 6, of which the last N are
    the sponge's own and only the next step waits for them. At 8 slices in a cycle: 375.
    """

    start: In(1)
    link: In(LINK)
    value_write: In(1)
    value_index: In(range(2 * VALUE_WORDS))
    value_data: In(32)
    busy: Out(1)
    value: Out(8 * HASH_BYTES)
    sponge: Out(SpongeUser())

    def elaborate(self, platform):
        m = Module()
        sponge, link = self.sponge, self.link
        j = Signal(8)
        message = Signal(64 * MESSAGE_WORDS)
        index = Signal(range(MESSAGE_WORDS))
        m.d.comb += [
            message.eq(
                Cat(
                    link.identifier,
                    _big_endian(link.q, 4),
                    _big_endian(link.chain, 2),
                    j,
                    self.value,
                    Const(SHAKE256_DOMAIN, 8),
                )
            ),
            sponge.shake256.eq(1),
            sponge.words.payload.data.eq(message.word_select(index, 64)),
            sponge.words.payload.last.eq(index == MESSAGE_WORDS - 1),
            sponge.words.payload.padded.eq(1),
        ]

        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.value_write):
                    m.d.sync += self.value.word_select(self.value_index, 32).eq(self.value_data)
                m.d.sync += j.eq(link.begin)
                with m.If(self.start & (link.begin < link.end)):
                    m.next = "ABSORB"
            with m.State("ABSORB"):
                m.d.comb += sponge.words.valid.eq(1)
                with m.If(sponge.words.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(sponge.words.payload.last):
                        m.d.sync += index.eq(0)
                        m.next = "SQUEEZE"
            with m.State("SQUEEZE"):
                m.d.comb += sponge.digest.ready.eq(1)
                with m.If(sponge.digest.valid):
                    m.d.sync += [self.value.word_select(index, 64).eq(sponge.digest.payload), index.eq(index + 1)]
                    with m.If(index == VALUE_WORDS - 1):
                        m.d.comb += sponge.restart.eq(1)
                        m.d.sync += [index.eq(0), j.eq(j + 1)]
                        m.next = "ABSORB"
                        with m.If(j + 1 == link.end):
                            m.next = "IDLE"
        return m
