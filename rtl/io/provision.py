"""Provisioning: the chip's id and key seed, taken in once per power-up and sealed."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

CHIP_ID_BYTES = 16
SEED_BYTES = 32
PROVISION_BYTES = CHIP_ID_BYTES + SEED_BYTES


class Provisioning(wiring.Component):
    """Takes PROVISION_BYTES bytes: the chip id, then the Ed25519 seed of RFC 8032.

    bytes: accepted one per cycle while the vault is; never ready again after the last one (until power-on).
    seed_words: the seed as four 64-bit words, byte 0 least significant, for the key vault alone.
    chip_id: valid while `sealed` is 1.
    """

    bytes: In(stream.Signature(8))
    seed_words: Out(stream.Signature(64))
    chip_id: Out(data.ArrayLayout(64, 2))
    sealed: Out(1)

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(PROVISION_BYTES + 1))
        word = Signal(64)
        is_seed = count >= CHIP_ID_BYTES
        word_ends = count[:3] == 7
        complete = self.bytes.payload << 56 | word >> 8

        m.d.comb += [
            self.sealed.eq(count == PROVISION_BYTES),
            self.seed_words.payload.eq(complete),
            self.seed_words.valid.eq(self.bytes.valid & ~self.sealed & is_seed & word_ends),
            self.bytes.ready.eq(~self.sealed & (~(is_seed & word_ends) | self.seed_words.ready)),
        ]
        with m.If(self.bytes.valid & self.bytes.ready):
            m.d.sync += [count.eq(count + 1), word.eq(complete)]
            with m.If(word_ends):
                # The word register must not keep a part of the seed.
                m.d.sync += word.eq(0)
                with m.Switch(count[3:]):
                    for index in range(2):
                        with m.Case(index):
                            m.d.sync += self.chip_id[index].eq(complete)
        return m
