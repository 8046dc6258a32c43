"""Blocks of a TurboSHAKE128 message, gathered and padded while the permutation is at the block before."""

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Signal, Value, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from formats.hashing import TURBOSHAKE128_RATE_BYTES, WORD_BYTES

from .keccak import LANES

BLOCK_WORDS = TURBOSHAKE128_RATE_BYTES // WORD_BYTES

MESSAGE_WORD = StructLayout({"data": 64, "last": 1})
"""A word of a message, byte 0 of the eight least significant; `last` marks the message's last word."""


def padded_block(words: Sequence[ValueLike], domain: ValueLike) -> list[Value]:
    """The one block of a message of fewer than 21 words, padded with domain and 0x80 (RFC 9861 2.2).

    Returns 21 values of at most 64 bits. Raises ValueError for 21 words or more.
    """
    if len(words) >= BLOCK_WORDS:
        raise ValueError(f"{len(words)} words and their padding do not fit a block of {BLOCK_WORDS}")
    block = [*map(Value.cast, words), Value.cast(domain), *[Const(0, 64)] * (BLOCK_WORDS - 1 - len(words))]
    block[-1] = block[-1] | Const(1 << 63, 64)
    return block


def absorbed(state: Sequence[Value], block: Sequence[Value], first: ValueLike) -> list[Value]:
    """The 25 lanes that the permutation takes for a block: state ^ block, the state counting as zero if `first`."""
    kept = Value.cast(first).replicate(64)
    lanes = [lane & ~kept for lane in state]
    return [lane ^ block[i] if i < BLOCK_WORDS else lane for i, lane in zip(range(LANES), lanes, strict=True)]


class BlockBuffer(wiring.Component):
    """Two blocks of 21 words: one being filled while the other waits to be taken.

    In: messages of whole words, never empty.
    * `words`: one word in each cycle in which `valid` and `ready` are 1. `ready` depends on `block_take` in the same
      cycle, and falls only while both blocks are full, or while a block of padding alone has still to be offered.
    * `domain`: domain separation byte (RFC 9861 2.2), sampled with a message's last word.

    Out: the message's blocks in order.
    * `block_valid`: the other outputs are a block; they stay as they are until it is taken.
    * `block`: 21 signals of 64 bits. In the last block of a message the padding is in place: the domain byte
      after the message, zeros, and 0x80 exclusive-or'ed into the last byte. A message of a multiple of 21 words
      ends with an additional block that is padding alone.
    * `block_first`, `block_last`: the block is its message's first, its last.
    * `block_take`: the block is consumed in this cycle. Ignored while `block_valid` is 0.

    A block becomes valid in the second cycle after the transfer of its last word, or in the cycle after the block
    before it is taken, whichever is later. So input flows at one word in each cycle for as long as blocks are taken
    at that rate, with up to 21 cycles' grace.
    """

    words: In(stream.Signature(MESSAGE_WORD))
    domain: In(8)
    block: Out(64).array(BLOCK_WORDS)
    block_valid: Out(1)
    block_first: Out(1)
    block_last: Out(1)
    block_take: In(1)

    def elaborate(self, platform):
        m = Module()
        filling = [Signal(64, name=f"filling_{i}") for i in range(BLOCK_WORDS)]
        index = Signal(range(BLOCK_WORDS))
        full = Signal()
        first = Signal(init=1)
        last = Signal()
        padding_owed = Signal()
        padding_domain = Signal(8)
        passes_on = Signal()
        fills = Signal()

        m.d.comb += [
            passes_on.eq(full & (~self.block_valid | self.block_take)),
            self.words.ready.eq(~full | (passes_on & ~padding_owed)),
            fills.eq(self.words.valid & self.words.ready),
        ]
        at_end = index == BLOCK_WORDS - 1

        with m.If(self.block_take):
            m.d.sync += self.block_valid.eq(0)
        with m.If(passes_on):
            m.d.sync += [out.eq(word) for out, word in zip(self.block, filling, strict=True)]
            m.d.sync += [
                self.block_valid.eq(1),
                self.block_first.eq(first),
                self.block_last.eq(last),
                first.eq(last),
                full.eq(padding_owed),
                last.eq(padding_owed),
                padding_owed.eq(0),
            ]

        # Only the first word can be filled in a cycle in which the block passes on. With that order said for the
        # others, zeroing them is the synchronous reset of a flip-flop and no logic.
        with m.If(fills & (index == 0)):
            m.d.sync += filling[0].eq(self.words.p.data)
        for i, word in enumerate(filling[1:], start=1):
            with m.If(passes_on):
                m.d.sync += word.eq(0)
            with m.Elif(fills & (index == i)):
                m.d.sync += word.eq(self.words.p.data)
        with m.If(passes_on & padding_owed):
            m.d.sync += [filling[0].eq(padding_domain), filling[-1][63].eq(1)]
        with m.If(fills):
            m.d.sync += index.eq(index + 1)
            with m.If(at_end | self.words.p.last):
                m.d.sync += [index.eq(0), full.eq(1), last.eq(self.words.p.last & ~at_end)]
            with m.If(self.words.p.last & at_end):
                m.d.sync += [padding_owed.eq(1), padding_domain.eq(self.domain)]
            with m.If(self.words.p.last & ~at_end):
                m.d.sync += [Array(filling[1:])[index][:8].eq(self.domain), filling[-1][63].eq(1)]
        return m
