"""Hashing for the CPU: TurboSHAKE128 (RFC 9861) and SHAKE256 (FIPS 202) of messages of any length."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, enum
from amaranth.lib.wiring import In, Out

from formats.hashing import DIGEST_BYTES, WORD_BYTES
from rtl.bus import MemoryMap, RegisterPeripheral, read_only, wishbone_signature, write_only
from rtl.crypto.sponge_arbiter import SpongeUser

DIGEST_WORDS = DIGEST_BYTES // WORD_BYTES
WAIT_CYCLES = 4096
"""Bound on an access to `data_bus`, in cycles."""


class _Phase(enum.Enum, shape=2):
    IDLE = 0
    DROP = 1
    """A cycle in which no word asks for the sponge, which gives it back if it was ours."""
    WORDS = 2
    DIGEST = 3


class HashPeripheral(RegisterPeripheral):
    """Hashes one message at a time, which the CPU writes as 64-bit words, by a sponge that it shares.

    control: begin starts a message, and drops one in progress. shake256 and domain are Sponge's; writes without begin
        change nothing.
    last: marks the word whose high half is written next as the message's last, and as `padded` if it is a partial
        word with the domain byte in it (rtl/crypto/sponge.py). The mark is spent with that word and dropped by begin.
    `data_bus`: each 32-bit write gives half a word, low half first, and is acknowledged when taken: in the next
        cycle, but that a high half waits for the word before it, and that for a permutation or for the message of
        another user of the sponge. After WAIT_CYCLES in vain it ends with `err` and nothing is taken. Writes without
        a message in progress or behind its last word, reads, and partial writes end with `err`.
    status: busy from begin until the digest is there. done: `digest` is that of the last message begun.
    digest: the first 32 bytes of output, byte 0 least significant; the words in order of addresses.
    """

    def __init__(self):
        super().__init__(
            {
                "control": write_only(begin=1, shake256=1, domain=8),
                "last": write_only(last=1, padded=1),
                "status": read_only(busy=1, done=1),
                "digest": read_only(digest=8 * DIGEST_BYTES),
            },
            {"data_bus": In(wishbone_signature(1)), "sponge": Out(SpongeUser())},
        )
        memory_map = MemoryMap(addr_width=3, data_width=8)
        memory_map.add_resource(self, name=("hash_data",), size=4)
        self.data_bus.memory_map = memory_map

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        control, mark = self.registers["control"].f, self.registers["last"].f
        sponge, bus = self.sponge, self.data_bus
        digest = Signal(data.ArrayLayout(64, DIGEST_WORDS))
        busy, done = Signal(), Signal()
        m.d.comb += [
            self.registers["status"].f.busy.r_data.eq(busy),
            self.registers["status"].f.done.r_data.eq(done),
            self.registers["digest"].f.digest.r_data.eq(digest),
        ]

        # The half words of the bus become words here.
        taking = Signal()
        low, has_low, word_valid = Signal(32), Signal(), Signal()
        word = sponge.words.payload
        next_last, next_padded = Signal(), Signal()
        waited = Signal(range(WAIT_CYCLES))
        with m.If(mark.last.w_stb):
            m.d.sync += [next_last.eq(mark.last.w_data), next_padded.eq(mark.padded.w_data)]
        m.d.sync += [bus.ack.eq(0), bus.err.eq(0), waited.eq(0)]
        with m.If(bus.cyc & bus.stb & ~bus.ack & ~bus.err):
            m.d.sync += waited.eq(waited + 1)
            with m.If(~bus.we | (bus.sel != 0b1111) | ~taking | (waited == WAIT_CYCLES - 1)):
                m.d.sync += bus.err.eq(1)
            with m.Elif(~has_low):
                m.d.sync += [low.eq(bus.dat_w), has_low.eq(1), bus.ack.eq(1)]
            with m.Elif(~word_valid):
                m.d.sync += [
                    word.data.eq(Cat(low, bus.dat_w)),
                    word.last.eq(next_last),
                    word.padded.eq(next_padded),
                    word_valid.eq(1),
                    has_low.eq(0),
                    next_last.eq(0),
                    bus.ack.eq(1),
                ]

        phase = Signal(_Phase)
        index = Signal(range(DIGEST_WORDS))
        m.d.comb += busy.eq(phase != _Phase.IDLE)
        with m.Switch(phase):
            with m.Case(_Phase.DROP):
                m.d.comb += sponge.restart.eq(1)
                m.d.sync += phase.eq(_Phase.WORDS)
            with m.Case(_Phase.WORDS):
                m.d.comb += [taking.eq(~(word_valid & word.last)), sponge.words.valid.eq(word_valid)]
                with m.If(word_valid & sponge.words.ready):
                    m.d.sync += word_valid.eq(0)
                    with m.If(word.last):
                        m.d.sync += [index.eq(0), phase.eq(_Phase.DIGEST)]
            with m.Case(_Phase.DIGEST):
                m.d.comb += sponge.digest.ready.eq(1)
                with m.If(sponge.digest.valid):
                    m.d.sync += [digest[index].eq(sponge.digest.payload), index.eq(index + 1)]
                    with m.If(index == DIGEST_WORDS - 1):
                        m.d.comb += sponge.restart.eq(1)
                        m.d.sync += [done.eq(1), phase.eq(_Phase.IDLE)]
        with m.If(control.begin.w_stb & control.begin.w_data):
            m.d.sync += [
                sponge.shake256.eq(control.shake256.w_data),
                sponge.domain.eq(control.domain.w_data),
                phase.eq(_Phase.DROP),
                done.eq(0),
                has_low.eq(0),
                word_valid.eq(0),
                next_last.eq(0),
            ]
        return m
