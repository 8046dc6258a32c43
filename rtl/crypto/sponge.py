"""The sponge for small users: TurboSHAKE128 (RFC 9861) or SHAKE256 (FIPS 202) over a stream of words."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from formats.hashing import SHAKE256_DOMAIN, SHAKE256_RATE_BYTES, TURBOSHAKE128_RATE_BYTES, WORD_BYTES

from .keccak_folded import FoldedKeccakPermutation

TURBOSHAKE128_WORDS = TURBOSHAKE128_RATE_BYTES // WORD_BYTES
SHAKE256_WORDS = SHAKE256_RATE_BYTES // WORD_BYTES

SPONGE_WORD = StructLayout({"data": 64, "last": 1, "padded": 1})
"""A word of a message, byte 0 of the eight least significant; `last` marks the message's last word.

`padded`, which counts in the last word only: the word is a partial one. It holds at most seven bytes of the message,
behind them the domain byte (of the function in use; SHAKE256's is 0x1F) and then zeros.
"""


class _Phase(enum.Enum, shape=3):
    CLEAR = 0
    WORDS = 1
    DOMAIN = 2
    """The domain byte goes into the lane after the message."""
    END = 3
    """0x80 goes into the last byte of the block."""
    PERMUTE = 4
    READ = 5
    DIGEST = 6
    DONE = 7


class Sponge(wiring.Component):
    """Hashes one message at a time, absorbing each word into the permutation's state as it comes.

    permutation: becomes a submodule.

    * `words`: a message, at least one word. Its bytes are those of whole words, or end in a `padded` last word.
      Nothing is taken after the last word until `restart`.
    * `shake256`: 1 for SHAKE256 (rate 136 bytes, 24 rounds, domain 0x1F), 0 for TurboSHAKE128 (168 bytes, 12 rounds)
      with `domain`, which a padded message does without. Both are stable from the first word's transfer to that of
      the last digest word.
    * `digest`: the first 17 (SHAKE256) or 21 words of the output, in order. Nothing follows after those.
    * `restart`: drops the message and its digest at whatever point they are; what is transferred in the same cycle
      still belongs to them. Not needed before the first message after reset.

    Cycles if nobody waits, with N = 64 / slices_per_cycle and P = 2 N + 1 + rounds * (N + 3): a word is taken every
    N, the first word of a further block N + P after the word before it. The first digest word is valid 4 N + P + 1
    after the transfer of the last word, P more if that word fills a block; after a padded word 3 N + P + 1, or
    2 N + P + 1 if it fills a block. The other digest words follow every N + 2. The first word after `restart` is
    taken N + 1 later, or N + 1 after the operation under way has ended.
    """

    words: In(stream.Signature(SPONGE_WORD))
    shake256: In(1)
    domain: In(8)
    digest: Out(stream.Signature(64))
    restart: In(1)

    def __init__(self, permutation: FoldedKeccakPermutation):
        self.permutation = permutation
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.permutation = permutation = self.permutation
        phase = Signal(_Phase)
        index = Signal(range(TURBOSHAKE128_WORDS))
        padding_due = Signal()
        padding_done = Signal()
        fills_block = Signal()
        is_padded = Signal()
        last_index = Signal.like(index)
        ready = permutation.ready
        m.d.comb += [
            last_index.eq(Mux(self.shake256, SHAKE256_WORDS - 1, TURBOSHAKE128_WORDS - 1)),
            fills_block.eq(index == last_index),
            is_padded.eq(self.words.p.last & self.words.p.padded),
            permutation.lane.eq(index),
            permutation.word.eq(self.words.p.data ^ Cat(Const(0, 63), is_padded & fills_block)),
            permutation.rounds_24.eq(self.shake256),
            self.digest.payload.eq(permutation.value),
        ]

        with m.Switch(phase):
            with m.Case(_Phase.CLEAR):
                m.d.comb += permutation.clear.eq(1)
                m.d.sync += [index.eq(0), padding_due.eq(0), padding_done.eq(0)]
                with m.If(ready):
                    m.d.sync += phase.eq(_Phase.WORDS)
            with m.Case(_Phase.WORDS):
                m.d.comb += [self.words.ready.eq(ready), permutation.absorb.eq(self.words.valid)]
                with m.If(ready & self.words.valid):
                    m.d.sync += [padding_due.eq(self.words.p.last), index.eq(index + 1)]
                    with m.If(fills_block):
                        m.d.sync += [index.eq(0), padding_done.eq(is_padded), phase.eq(_Phase.PERMUTE)]
                    with m.Elif(is_padded):
                        m.d.sync += [index.eq(last_index), phase.eq(_Phase.END)]
                    with m.Elif(self.words.p.last):
                        m.d.sync += phase.eq(_Phase.DOMAIN)
            with m.Case(_Phase.DOMAIN):
                m.d.comb += [
                    permutation.absorb.eq(1),
                    permutation.word.eq(Mux(self.shake256, SHAKE256_DOMAIN, self.domain)),
                ]
                with m.If(ready):
                    m.d.sync += [index.eq(last_index), phase.eq(_Phase.END)]
            with m.Case(_Phase.END):
                m.d.comb += [permutation.absorb.eq(1), permutation.word.eq(1 << 63)]
                with m.If(ready):
                    m.d.sync += [index.eq(0), padding_done.eq(1), phase.eq(_Phase.PERMUTE)]
            with m.Case(_Phase.PERMUTE):
                m.d.comb += permutation.start.eq(1)
                with m.If(ready):
                    m.d.sync += phase.eq(Mux(padding_due, _Phase.DOMAIN, _Phase.WORDS))
                    with m.If(padding_done):
                        m.d.sync += phase.eq(_Phase.READ)
            with m.Case(_Phase.READ):
                m.d.comb += permutation.read.eq(1)
                with m.If(ready):
                    m.d.sync += phase.eq(_Phase.DIGEST)
            with m.Case(_Phase.DIGEST):
                m.d.comb += self.digest.valid.eq(ready)
                with m.If(ready & self.digest.ready):
                    m.d.sync += [index.eq(index + 1), phase.eq(_Phase.READ)]
                    with m.If(fills_block):
                        m.d.sync += phase.eq(_Phase.DONE)
        with m.If(self.restart):
            m.d.sync += phase.eq(_Phase.CLEAR)
        return m
