"""The key vault: the signer's seed, written once per power-up."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

SEED_BITS = 256
WORD_BITS = 64
SEED_WORDS = SEED_BITS // WORD_BITS


class KeyVault(wiring.Component):
    """Takes the Ed25519 seed of RFC 8032 once and holds it for the signer alone.

    words: the seed's four 64-bit words in order, byte 0 least significant. One per cycle, at most four; ready is
        0 after the fourth, and from the cycle in which `lock` or `zeroise` is first 1.
    lock: no word is taken from the first cycle on in which it is 1. The seed stays.
    zeroise: clears the seed; seed and `valid` are 0 from the next cycle on. It locks too, whether or not the seed
        was whole, so that no second seed can follow.
    seed: byte 0 least significant; whole and constant while `valid`.
    valid: 1 from the cycle after the fourth word was taken, until zeroised.
    locked: 1 from the cycle after the first `lock` or `zeroise`.

    Only a reset of the clock domain (power-on) unlocks it, and clears the seed.
    """

    words: In(stream.Signature(WORD_BITS))
    lock: In(1)
    zeroise: In(1)
    seed: Out(SEED_BITS)
    valid: Out(1)
    locked: Out(1)

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(SEED_WORDS + 1))
        closes = self.lock | self.zeroise
        m.d.comb += [
            self.valid.eq(count == SEED_WORDS),
            self.words.ready.eq(~self.valid & ~self.locked & ~closes),
        ]
        with m.If(self.words.valid & self.words.ready):
            m.d.sync += [count.eq(count + 1), self.seed.eq(Cat(self.seed[WORD_BITS:], self.words.payload))]
        with m.If(closes):
            m.d.sync += self.locked.eq(1)
        with m.If(self.zeroise):
            m.d.sync += [count.eq(0), self.seed.eq(0)]
        return m
