"""Registers of the LM-OTS chain (RFC 8554): one chain at a time, by hardware."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Out, connect, flipped

from formats.lms import HASH_BYTES
from rtl.bus import RegisterPeripheral, read_only, write_only
from rtl.crypto.lmots_chain import LmotsChain
from rtl.crypto.sponge_arbiter import SpongeUser

VALUE_INDEX = 6
"""Index of the value's first word; before it the identifier (4 words), q, and chain | from << 16 | to << 24."""
OPERAND_WORDS = VALUE_INDEX + HASH_BYTES // 4


class LmotsPeripheral(RegisterPeripheral):
    """`index` and `data` set the operands, `start` begins, and `value` is the result once `status.busy` is 0.

    index: of the word that `data` writes next; each write moves it on. 0-3: the identifier I, bytes 0 to 3 in the
        first word, byte 0 least significant. 4: q. 5: chain in bits 15:0, from in 23:16, to in 31:24. 6-11: the
        value, as the identifier. Other indices write nothing.
    start: the value becomes that of the chain's element `to`, if it was the element `from`; contract in
        rtl/crypto/lmots_chain.py. The other operands stay as they are: the next chain needs only what differs.
    Writes while busy change nothing (but the index).
    value: 192 bits, the value as bytes, byte 0 least significant; the words in order of addresses.
    """

    def __init__(self):
        super().__init__(
            {
                "index": write_only(index=4),
                "data": write_only(data=32),
                "start": write_only(start=1),
                "status": read_only(busy=1),
                "value": read_only(value=8 * HASH_BYTES),
            },
            {"sponge": Out(SpongeUser())},
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        m.submodules.chain = chain = LmotsChain()
        connect(m, chain.sponge, flipped(self.sponge))
        register = {name: value.f for name, value in self.registers.items()}
        index, word = Signal(4), register["data"].data

        with m.If(register["index"].index.w_stb):
            m.d.sync += index.eq(register["index"].index.w_data)
        with m.Elif(word.w_stb):
            m.d.sync += index.eq(index + 1)
        link = Signal(32 * VALUE_INDEX)
        with m.If(word.w_stb & ~chain.busy & (index < VALUE_INDEX)):
            m.d.sync += link.word_select(index, 32).eq(word.w_data)
        m.d.comb += [
            chain.link.eq(link),
            chain.value_write.eq(word.w_stb & (index >= VALUE_INDEX) & (index < OPERAND_WORDS)),
            chain.value_index.eq(index - VALUE_INDEX),
            chain.value_data.eq(word.w_data),
            chain.start.eq(register["start"].start.w_stb & register["start"].start.w_data),
            register["status"].busy.r_data.eq(chain.busy),
            register["value"].value.r_data.eq(chain.value),
        ]
        return m
