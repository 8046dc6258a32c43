"""TurboSHAKE128 (RFC 9861) at 8 bytes in a cycle: input is buffered while the permutation runs."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out

from formats.hashing import DIGEST_BYTES, WORD_BYTES

from .block_buffer import MESSAGE_WORD, BlockBuffer, absorbed
from .keccak import KeccakPermutation

DIGEST_WORDS = DIGEST_BYTES // WORD_BYTES


class TurboShake128(wiring.Component):
    """TurboSHAKE128 with 32 bytes of output, one message after another.

    * `words`: messages of whole words, never empty; byte 0 of a message is the least significant of its first word.
      A message of any length enters at one word in each cycle. Messages in a row do so too if each gives the
      permutations of its blocks time: 13 cycles for a block at one round in a cycle, 7 at two, where two blocks of
      buffer even out a last block that is short.
    * `domain`: 0x01 to 0x7F, sampled with the message's last word.
    * `digest`: four words, word 0 first. Messages that follow wait inside until it is taken.

    The digest is valid 15 cycles (9 at two rounds in a cycle) after the transfer of the message's last word. A
    message of a multiple of 21 words has a block more, 13 (7) cycles; one whose last block is short may wait as long
    for the permutation of the block before.
    """

    words: In(stream.Signature(MESSAGE_WORD))
    domain: In(8)
    digest: Out(stream.Signature(ArrayLayout(64, DIGEST_WORDS)))

    def __init__(self, rounds_per_cycle: int = 1):
        self.rounds_per_cycle = rounds_per_cycle
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = BlockBuffer()
        m.submodules.permutation = permutation = KeccakPermutation(self.rounds_per_cycle)
        wiring.connect(m, wiring.flipped(self.words), buffer.words)
        digest_due = Signal()
        begins = Signal()

        m.d.comb += [
            buffer.domain.eq(self.domain),
            self.digest.valid.eq(permutation.ready & digest_due),
            begins.eq(buffer.block_valid & permutation.ready & (~digest_due | self.digest.ready)),
            buffer.block_take.eq(begins),
            permutation.load.eq(begins),
            permutation.start.eq(begins),
        ]
        m.d.comb += [self.digest.p[i].eq(permutation.state[i]) for i in range(DIGEST_WORDS)]
        taken = absorbed(permutation.state, buffer.block, buffer.block_first)
        m.d.comb += [lane.eq(value) for lane, value in zip(permutation.state_in, taken, strict=True)]

        with m.If(begins):
            m.d.sync += digest_due.eq(buffer.block_last)
        with m.Elif(self.digest.valid & self.digest.ready):
            m.d.sync += digest_due.eq(0)
        return m
