"""TRNG: tested samples of the noise source, conditioned by SHAKE256 (formats/noise.py)."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from formats.hashing import SHAKE256_DOMAIN, TICK_CYCLES_LOG2
from formats.noise import BLOCK_SAMPLES, BLOCK_WORDS, STARTUP_SAMPLES
from rtl.crypto.noise_health import NoiseHealth
from rtl.crypto.sponge_arbiter import SpongeUser

RAW_WORDS = BLOCK_SAMPLES // 64
FAST_SAMPLES = STARTUP_SAMPLES + BLOCK_SAMPLES


class Trng(wiring.Component):
    """Random words for the random trigger's key and the chip's own. Reset at power-on alone.

    noise: raw bits. The first FAST_SAMPLES, the start-up's and the first block's, are taken as fast as they come;
        from then on one is asked for each tick (2**TICK_CYCLES_LOG2 cycles), for ever, and waited for. All are
        tested.
    words: the conditioned words, 64 bits each, byte 0 least significant, in order; four to a block. Two blocks wait
        at most: one conditioned, one raw. A block is a whole window of the adaptive proportion test, and is
        conditioned when all of it has passed; a window that begins before there is room is tested and dropped. No
        word is valid before the first block is, and none from the cycle after a sample that fails a test: `valid`
        then falls without a transfer, for ever.
    ready: the start-up samples have passed and no sample has failed since.
    repetition, proportion: a sample failed that test; see NoiseHealth. failed: either.
    samples: number of samples tested, modulo 2**32.
    sponge: for SHAKE256, one message of 16 words for each block.

    If the source always has a sample and the sponge is free, N cycles to an absorbed word and P to a permutation (see
    Sponge), the first word is valid FAST_SAMPLES + 19 N + P + 5 cycles after reset.
    """

    noise: In(stream.Signature(1))
    words: Out(stream.Signature(64))
    ready: Out(1)
    repetition: Out(1)
    proportion: Out(1)
    failed: Out(1)
    samples: Out(32)
    sponge: Out(SpongeUser())

    def elaborate(self, platform):
        m = Module()
        m.submodules.health = health = NoiseHealth()
        m.submodules.raw = raw = memory.Memory(shape=64, depth=RAW_WORDS, init=[])
        m.submodules.conditioned = conditioned = SyncFIFOBuffered(width=64, depth=BLOCK_WORDS)
        write, read = raw.write_port(), raw.read_port()

        # A sample in each cycle until the first block is whole, then one that is due each tick.
        taken = Signal()
        divider, due = Signal(TICK_CYCLES_LOG2, init=0), Signal()
        fast_left = Signal(range(FAST_SAMPLES + 1), init=FAST_SAMPLES)
        started = Signal()
        m.d.comb += [
            self.noise.ready.eq(due | (fast_left != 0)),
            taken.eq(self.noise.valid & self.noise.ready),
            started.eq(fast_left <= BLOCK_SAMPLES),
            health.sample.eq(self.noise.payload),
            health.valid.eq(taken),
            self.repetition.eq(health.repetition),
            self.proportion.eq(health.proportion),
            self.failed.eq(health.repetition | health.proportion),
            self.ready.eq(started & ~self.failed),
        ]
        with m.If(fast_left == 0):
            m.d.sync += divider.eq(divider + 1)
        with m.If(taken):
            m.d.sync += [self.samples.eq(self.samples + 1), due.eq(0)]
            with m.If(fast_left != 0):
                m.d.sync += fast_left.eq(fast_left - 1)
        with m.If(divider.all()):
            m.d.sync += due.eq(1)

        # A block begins with a window; while one waits to be conditioned, samples are tested and dropped.
        collects, collecting, full = Signal(), Signal(), Signal()
        bits = Signal(63)
        position = Signal(range(BLOCK_SAMPLES))
        m.d.comb += [
            collects.eq(taken & started & ~full & (collecting | health.first)),
            write.addr.eq(position[6:]),
            write.data.eq(Cat(bits, self.noise.payload)),
            write.en.eq(collects & position[:6].all()),
        ]
        with m.If(collects):
            m.d.sync += [
                bits.eq(Cat(bits[1:], self.noise.payload)),
                position.eq(position + 1),
                collecting.eq(~position.all()),
                full.eq(position.all()),
            ]

        sponge = self.sponge
        index = Signal(range(RAW_WORDS))
        m.d.comb += [
            sponge.shake256.eq(1),
            sponge.domain.eq(SHAKE256_DOMAIN),
            sponge.words.payload.data.eq(read.data),
            sponge.words.payload.last.eq(index == RAW_WORDS - 1),
            read.addr.eq(Mux(sponge.words.valid & sponge.words.ready, index + 1, index)),
            conditioned.w_data.eq(sponge.digest.payload),
        ]
        with m.FSM():
            with m.State("COLLECT"):
                with m.If(full & (conditioned.level == 0) & ~self.failed):
                    m.next = "ABSORB"
            with m.State("ABSORB"):
                m.d.comb += sponge.words.valid.eq(1)
                with m.If(sponge.words.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(sponge.words.payload.last):
                        m.d.sync += [index.eq(0), full.eq(0)]
                        m.next = "SQUEEZE"
            with m.State("SQUEEZE"):
                m.d.comb += [sponge.digest.ready.eq(1), conditioned.w_en.eq(sponge.digest.valid)]
                with m.If(sponge.digest.valid):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == BLOCK_WORDS - 1):
                        m.d.sync += index.eq(0)
                        m.next = "RESTART"
            with m.State("RESTART"):
                m.d.comb += sponge.restart.eq(1)
                m.next = "COLLECT"

        m.d.comb += [
            self.words.payload.eq(conditioned.r_data),
            self.words.valid.eq(conditioned.r_rdy & ~self.failed),
            conditioned.r_en.eq(self.words.ready & ~self.failed),
        ]
        return m
