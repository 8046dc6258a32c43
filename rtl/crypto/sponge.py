"""The sponge for small users: TurboSHAKE128 (RFC 9861) or SHAKE256 (FIPS 202) over a stream of words."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from formats.hashing import SHAKE256_DOMAIN, SHAKE256_RATE_BYTES, TURBOSHAKE128_RATE_BYTES, WORD_BYTES

from .block_buffer import MESSAGE_WORD

TURBOSHAKE128_WORDS = TURBOSHAKE128_RATE_BYTES // WORD_BYTES
SHAKE256_WORDS = SHAKE256_RATE_BYTES // WORD_BYTES


class Sponge(wiring.Component):
    """Hashes one message at a time, absorbing each word into the permutation's state as it comes.

    permutation: a component with PermutationSignature, which becomes a submodule.

    * `words`: a message of whole words, never empty; byte 0 is the least significant. One word in each cycle while
      the permutation does not run. Nothing is taken after the last word until `restart`.
    * `shake256`: 1 for SHAKE256 (rate 136 bytes, 24 rounds, domain 0x1F), 0 for TurboSHAKE128 (168 bytes, 12 rounds)
      with `domain`. Both are stable from the first word's transfer to that of the last digest word.
    * `digest`: the first 17 (SHAKE256) or 21 words of the output, in order. Nothing follows after those.
    * `restart`: drops the message and its digest at whatever point they are; from the next cycle on the sponge
      waits for the first word of the next message. Nothing is transferred in a cycle with `restart`. Not needed
      before the first message after reset.

    Padding costs no cycle of its own: the first digest word is valid in the cycle in which the permutation that
    started with the last word's transfer has finished. Only a message of a multiple of the rate has one more block
    and permutation.
    """

    words: In(stream.Signature(MESSAGE_WORD))
    shake256: In(1)
    domain: In(8)
    digest: Out(stream.Signature(64))
    restart: In(1)

    def __init__(self, permutation: wiring.Component):
        self.permutation = permutation
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.permutation = permutation = self.permutation
        index = Signal(range(TURBOSHAKE128_WORDS + 1))
        rate = Signal.like(index)
        absorbed = Signal()
        padding_owed = Signal()
        dropped = Signal()

        at_block_end = Signal()
        clears = Signal()
        takes = Signal()
        pads_alone = Signal()
        m.d.comb += [
            rate.eq(Mux(self.shake256, SHAKE256_WORDS, TURBOSHAKE128_WORDS)),
            at_block_end.eq(index == rate - 1),
            clears.eq(self.restart | dropped),
            self.words.ready.eq(permutation.ready & ~absorbed & ~clears),
            takes.eq(self.words.valid & self.words.ready),
            pads_alone.eq(permutation.ready & padding_owed & ~clears),
            self.digest.valid.eq(permutation.ready & absorbed & ~padding_owed & (index != rate) & ~clears),
            self.digest.payload.eq(Array(permutation.state[:TURBOSHAKE128_WORDS])[index]),
        ]

        ends = takes & (self.words.p.last | at_block_end)
        m.d.comb += [
            permutation.load.eq(takes | pads_alone | clears),
            permutation.start.eq(ends | pads_alone),
            permutation.rounds_24.eq(self.shake256),
        ]
        pads = Signal()
        pad_index = Signal.like(index)
        word = Signal(64)
        domain = Signal(8)
        m.d.comb += [
            pads.eq(pads_alone | (takes & self.words.p.last & ~at_block_end)),
            pad_index.eq(Mux(pads_alone, 0, index + 1)),
            word.eq(self.words.p.data & takes.replicate(64)),
            domain.eq(Mux(self.shake256, SHAKE256_DOMAIN, self.domain) & pads.replicate(8)),
        ]
        for i, (lane_in, lane) in enumerate(zip(permutation.state_in, permutation.state, strict=True)):
            kept = lane & (~clears).replicate(64)
            if i < TURBOSHAKE128_WORDS:
                kept ^= word & (index == i).replicate(64)
                kept ^= domain & (pad_index == i).replicate(8)
            if i + 1 in (SHAKE256_WORDS, TURBOSHAKE128_WORDS):
                kept ^= Cat(Const(0, 63), pads & (rate == i + 1))
            m.d.comb += lane_in.eq(kept)

        with m.If(takes):
            m.d.sync += [index.eq(index + 1), absorbed.eq(self.words.p.last)]
            with m.If(ends):
                m.d.sync += [index.eq(0), padding_owed.eq(self.words.p.last & at_block_end)]
        with m.If(pads_alone):
            m.d.sync += padding_owed.eq(0)
        with m.If(self.digest.valid & self.digest.ready):
            m.d.sync += index.eq(index + 1)
        with m.If(clears):
            m.d.sync += [index.eq(0), absorbed.eq(0), padding_owed.eq(0), dropped.eq(~permutation.ready)]
        return m
