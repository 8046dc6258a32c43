"""The fuses: read once after power-on, burnt by rule, and the way of the key seed from them into the key vault."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from formats.otp import (
    CHIP_ID_OFFSET,
    CONFIGURATION_OFFSET,
    FLOOR_BYTES,
    FLOOR_OFFSET,
    LIFECYCLE_OFFSET,
    MAX_SECURITY_FLOOR,
    OTP_BYTES,
    SEED_BYTES,
    SEED_OFFSET,
    Lifecycle,
)
from rtl.bus import RegisterPeripheral, read_only, write_only

BURN = data.StructLayout({"address": 7, "data": 8})
"""Bits to set in one byte of the fuses."""

DIGEST_WORDS = 4


class Otp(RegisterPeripheral):
    """The `otp` registers, and a copy of the fuses of formats/otp.py (all but the seed). For the power-on domain.

    load: the OTP_BYTES bytes of the fuses, offset 0 first, one a cycle; a byte that completes a word of the seed is
        taken when the vault takes that word. Nothing is taken after the last byte. offset: of the byte that is next.
    burns: bits to set in one byte. When it is taken they are set for good, and show in the outputs a cycle later.
    entropy: conditioned words, taken only while a key is generated.
    seed_words: four words for the key vault alone, byte 0 least significant: at power-on from the fuses, unless the
        lifecycle is RAW, or those of a generated key. The CPU's bus has no path to them.
    lifecycle, security_floor, chip_id, configuration: as the fuses say, decoded; of use once `loaded` is 1.
        Of both the highest bit that is set counts, so that nothing that is burnt can bring them back.
    sealed: the chip has an identity: all is loaded, the lifecycle is past RAW and the seed is in the vault.

    Registers. A write to `burn` or `generate_key` sets `status.refused` if it is refused, and then changes nothing;
    else it clears it, and `status.busy` is 1 until it is carried out. Before `status.loaded`, and while busy, all
    writes are refused.
    * `burn`: bytes of chip id and configuration only while RAW. Lifecycle and floor only so that the result is again
      ones from bit 0 up, so the floor's bytes in ascending order; out of RAW only when `status.keyed`. No other byte.
    * `generate_key`: only while RAW, when not `status.keyed`, and when no fuse of the seed was set at power-on: a key
      generation that power loss cut off is not repeated, because its bits would become a part of the next key. Takes
      four words, each in 2 cycles and 8 for its burns if nobody waits.
    * `status.keyed`: the seed is in the vault, and in the fuses.
    """

    def __init__(self):
        super().__init__(
            {
                "status": read_only(loaded=1, busy=1, refused=1, keyed=1),
                "lifecycle": read_only(state=8),
                "security_floor": read_only(floor=8),
                "burn": write_only(address=7, data=8),
                "generate_key": write_only(start=1),
            },
            {
                "load": In(stream.Signature(8)),
                "offset": Out(range(OTP_BYTES)),
                "burns": Out(stream.Signature(BURN)),
                "entropy": In(stream.Signature(64)),
                "seed_words": Out(stream.Signature(64)),
                "lifecycle": Out(2),
                "security_floor": Out(range(MAX_SECURITY_FLOOR + 1)),
                "chip_id": Out(data.ArrayLayout(64, 2)),
                "configuration": Out(data.ArrayLayout(64, DIGEST_WORDS)),
                "loaded": Out(1),
                "sealed": Out(1),
            },
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        register = {name: value.f for name, value in self.registers.items()}
        status, burn, generate = register["status"], register["burn"], register["generate_key"].start

        stages, floor = Signal(8), Signal(8 * FLOOR_BYTES)
        loaded = self.loaded
        busy, refused, keyed = Signal(), Signal(), Signal()
        is_raw = stages == Lifecycle.RAW.fuses
        m.d.comb += [
            self.sealed.eq(loaded & keyed & ~is_raw),
            status.loaded.r_data.eq(loaded),
            status.busy.r_data.eq(busy),
            status.refused.r_data.eq(refused),
            status.keyed.r_data.eq(keyed),
            register["lifecycle"].state.r_data.eq(self.lifecycle),
            register["security_floor"].floor.r_data.eq(self.security_floor),
        ]
        self._decode(m, stages, floor)

        # Loading and burning set bits of the copy in the same way.
        setting, address, bits = Signal(), Signal(7), Signal(8)
        copies = (
            (stages, LIFECYCLE_OFFSET),
            (floor, FLOOR_OFFSET),
            (self.chip_id.as_value(), CHIP_ID_OFFSET),
            (self.configuration.as_value(), CONFIGURATION_OFFSET),
        )
        for copy, first in copies:
            with m.If(setting & _lies_in(address, copy, first)):
                byte = _byte_of(copy, address)
                m.d.sync += byte.eq(byte | bits)

        # `word` holds a part of the seed: while it comes in, or until all of it is burnt.
        word = Signal(64)
        at, spent = self.offset, Signal()
        in_seed = (at >= SEED_OFFSET) & (at < SEED_OFFSET + SEED_BYTES)
        completes = in_seed & ~is_raw & at[:3].all()
        complete = self.load.payload << 56 | word >> 8

        chosen_address, chosen_bits = burn.address.w_data, burn.data.w_data
        ready_to_burn = loaded & ~busy
        may_burn = ready_to_burn & self._legal(chosen_address, chosen_bits, stages, floor, keyed)
        may_generate = ready_to_burn & is_raw & ~keyed & ~spent
        asks_for_key = generate.w_stb & generate.w_data
        with m.If(burn.address.w_stb):
            m.d.sync += refused.eq(~may_burn)
        with m.If(asks_for_key):
            m.d.sync += refused.eq(~may_generate)

        burnt, burnt_bits, seed_byte = Signal(7), Signal(8), Signal(range(SEED_BYTES))
        m.d.comb += busy.eq(1)
        with m.FSM() as fsm:
            m.d.comb += loaded.eq(~fsm.ongoing("LOAD"))
            with m.State("LOAD"):
                m.d.comb += [
                    busy.eq(0),
                    self.seed_words.payload.eq(complete),
                    self.seed_words.valid.eq(self.load.valid & completes),
                    self.load.ready.eq(~completes | self.seed_words.ready),
                    setting.eq(self.load.valid & self.load.ready),
                    address.eq(at),
                    bits.eq(self.load.payload),
                ]
                with m.If(setting):
                    m.d.sync += at.eq(at + 1)
                    with m.If(in_seed):
                        m.d.sync += [
                            word.eq(Mux(completes | is_raw, 0, complete)),
                            spent.eq(spent | (is_raw & self.load.payload.any())),
                            keyed.eq(completes & (at == SEED_OFFSET + SEED_BYTES - 1)),
                        ]
                    with m.If(at == OTP_BYTES - 1):
                        m.next = "IDLE"

            with m.State("IDLE"):
                m.d.comb += busy.eq(0)
                with m.If(burn.address.w_stb & may_burn):
                    m.d.sync += [burnt.eq(chosen_address), burnt_bits.eq(chosen_bits)]
                    m.next = "BURN"
                with m.Elif(asks_for_key & may_generate):
                    m.d.sync += seed_byte.eq(0)
                    m.next = "DRAW"

            with m.State("BURN"):
                m.d.comb += [
                    self.burns.valid.eq(1),
                    self.burns.payload.address.eq(burnt),
                    self.burns.payload.data.eq(burnt_bits),
                    setting.eq(self.burns.ready),
                    address.eq(burnt),
                    bits.eq(burnt_bits),
                ]
                with m.If(self.burns.ready):
                    m.next = "IDLE"

            with m.State("DRAW"):
                m.d.comb += self.entropy.ready.eq(1)
                m.d.sync += word.eq(self.entropy.payload)
                with m.If(self.entropy.valid):
                    m.next = "FEED"

            with m.State("FEED"):
                m.d.comb += [self.seed_words.valid.eq(1), self.seed_words.payload.eq(word)]
                with m.If(self.seed_words.ready):
                    m.next = "BURN_SEED"

            with m.State("BURN_SEED"):
                m.d.comb += [
                    self.burns.valid.eq(1),
                    self.burns.payload.address.eq(SEED_OFFSET + seed_byte),
                    self.burns.payload.data.eq(word[:8]),
                ]
                with m.If(self.burns.ready):
                    m.d.sync += [seed_byte.eq(seed_byte + 1), word.eq(word >> 8)]
                    with m.If(seed_byte[:3].all()):
                        m.next = "DRAW"
                        with m.If(seed_byte.all()):
                            m.d.sync += keyed.eq(1)
                            m.next = "IDLE"
        return m

    def _decode(self, m, stages, floor):
        with m.If(stages[2:].any()):
            m.d.comb += self.lifecycle.eq(Lifecycle.RETIRED)
        with m.Elif(stages[1]):
            m.d.comb += self.lifecycle.eq(Lifecycle.PRODUCTION)
        with m.Else():
            m.d.comb += self.lifecycle.eq(stages[0])
        for bit in range(MAX_SECURITY_FLOOR):
            with m.If(floor[bit]):
                m.d.comb += self.security_floor.eq(bit + 1)

    def _legal(self, address, bits, stages, floor, keyed):
        """Whether a burn by the CPU is one that formats/otp.py allows."""
        is_raw = stages == Lifecycle.RAW.fuses
        later = [(stages | bits) == state.fuses for state in Lifecycle if state is not Lifecycle.RAW]
        raised = Cat(floor.word_select(index, 8) | Mux(address[:3] == index, bits, 0) for index in range(FLOOR_BYTES))
        whole = (raised & (raised + 1)) == 0
        is_identity = _lies_in(address, self.chip_id.as_value(), CHIP_ID_OFFSET) | _lies_in(
            address, self.configuration.as_value(), CONFIGURATION_OFFSET
        )
        return (
            (_lies_in(address, stages, LIFECYCLE_OFFSET) & Cat(later).any() & (~is_raw | keyed))
            | (_lies_in(address, floor, FLOOR_OFFSET) & whole)
            | (is_identity & is_raw)
        )


def _index_bits(copy) -> int:
    """Address bits that select a byte of `copy`: every part of the fuses begins at a multiple of its size."""
    return (len(copy) // 8 - 1).bit_length()


def _lies_in(address, copy, first: int):
    """Whether the fuse byte at `address` is one of those that `copy` holds from offset `first` on."""
    return address[_index_bits(copy) :] == first >> _index_bits(copy)


def _byte_of(copy, address):
    """The byte of `copy` that `address` selects."""
    return copy.word_select(address[: _index_bits(copy)], 8)
