"""The random trigger: at every tick, fires with a small probability that nothing outside can foresee.

Paper 1.4: at every clock cycle a small probability, so that snapshots are a Poisson process. A tick is
2**TICK_CYCLES_LOG2 cycles. The draws come from a DRBG whose state is one 32-byte key that is replaced with
every block (fast key erasure): block = SHAKE256(key, 136 bytes); key = block[0:32]; 13 draws of 64 bits follow.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from formats.hashing import SHAKE256_DOMAIN, SHAKE256_RATE_BYTES, TICK_CYCLES_LOG2
from rtl.crypto.sponge_arbiter import SpongeUser

KEY_WORDS = 4
BLOCK_WORDS = SHAKE256_RATE_BYTES // 8
DRAWS_PER_BLOCK = BLOCK_WORDS - KEY_WORDS
DRAWS_DEPTH = 2 * DRAWS_PER_BLOCK


class RandomTrigger(wiring.Component):
    """Fires with probability rate / 2**64 at each tick.

    entropy: four words are taken once after power-on and are the first key (byte 0 least significant).
    rate: taken at each trial. enable: ticks pass while it is 1. sponge: for SHAKE256.
    fire: one cycle for each hit. A trial that has no draw ready waits for one and is not lost, up to 255.
    """

    entropy: In(stream.Signature(64))
    rate: In(64)
    enable: In(1)
    fire: Out(1)
    sponge: Out(SpongeUser())

    def elaborate(self, platform):
        m = Module()
        m.submodules.draws = draws = SyncFIFOBuffered(width=64, depth=DRAWS_DEPTH)
        key = Signal(data.ArrayLayout(64, KEY_WORDS))
        index = Signal(range(BLOCK_WORDS))
        sponge = self.sponge
        m.d.comb += [sponge.shake256.eq(1), sponge.domain.eq(SHAKE256_DOMAIN)]

        with m.FSM():
            with m.State("SEED"):
                m.d.comb += self.entropy.ready.eq(1)
                with m.If(self.entropy.valid):
                    m.d.sync += [key[index[:2]].eq(self.entropy.payload), index.eq(index + 1)]
                    with m.If(index == KEY_WORDS - 1):
                        m.d.sync += index.eq(0)
                        m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(draws.level <= DRAWS_DEPTH - DRAWS_PER_BLOCK):
                    m.next = "ABSORB"
            with m.State("ABSORB"):
                m.d.comb += [
                    sponge.words.valid.eq(1),
                    sponge.words.payload.data.eq(key[index[:2]]),
                    sponge.words.payload.last.eq(index == KEY_WORDS - 1),
                    sponge.words.payload.padded.eq(0),
                ]
                with m.If(sponge.words.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(sponge.words.payload.last):
                        m.d.sync += index.eq(0)
                        m.next = "SQUEEZE"
            with m.State("SQUEEZE"):
                m.d.comb += sponge.digest.ready.eq(1)
                with m.If(sponge.digest.valid):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index < KEY_WORDS):
                        m.d.sync += key[index[:2]].eq(sponge.digest.payload)
                    with m.Else():
                        m.d.comb += [draws.w_en.eq(1), draws.w_data.eq(sponge.digest.payload)]
                    with m.If(index == BLOCK_WORDS - 1):
                        m.d.sync += index.eq(0)
                        m.next = "RESTART"
            with m.State("RESTART"):
                m.d.comb += sponge.restart.eq(1)
                m.next = "WAIT"

        divider = Signal(TICK_CYCLES_LOG2)
        trials = Signal(8)
        trial = Signal()
        tick = Signal()
        m.d.comb += [
            tick.eq(self.enable & divider.all()),
            trial.eq((trials != 0) & draws.r_rdy),
            draws.r_en.eq(trial),
        ]
        m.d.sync += self.fire.eq(trial & (draws.r_data < self.rate))
        with m.If(self.enable):
            m.d.sync += divider.eq(divider + 1)
        with m.If(tick & ~trial & ~trials.all()):
            m.d.sync += trials.eq(trials + 1)
        with m.Elif(trial & ~tick):
            m.d.sync += trials.eq(trials - 1)
        return m
