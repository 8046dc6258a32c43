"""Registers about the chip itself: identity, time, boots, the firmware's measurement, reset."""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from formats.hashing import TICK_CYCLES_LOG2
from rtl.bus import RegisterPeripheral, read_only, write_only

DIGEST_WORDS = 4


class SystemPeripheral(RegisterPeripheral):
    """The `chip` registers.

    chip_id, public_key, configuration, sealed (status `provisioned`), derived, cleared, entropy_failed, booted,
    bootcount, seq: shown to the CPU as they are; identity words 0-3 are the chip id, 4-11 the public key, 12-19 the
    configuration's digest.
    ticks: cycles since reset divided by 2**TICK_CYCLES_LOG2. measurement, security_version: what ROM wrote;
    they cannot change after `lock` until reset, which `locked` tells. reset_request: 1 from the CPU's request on.
    zeroise: one cycle, when the CPU has the key destroyed.
    map_hash: constant of the register map that firmware and host compare; set before elaboration.
    """

    def __init__(self):
        self.map_hash = 0
        super().__init__(
            {
                "map_hash": read_only(map_hash=32),
                "status": read_only(provisioned=1, derived=1, cleared=1, measured=1, entropy_failed=1, booted=1),
                "ticks": read_only(ticks=64),
                "bootcount": read_only(bootcount=32),
                "seq": read_only(seq=64),
                "identity_index": write_only(index=5),
                "identity_data": read_only(data=32),
                "measurement": write_only(word=32),
                "security_version": write_only(version=32),
                "lock": write_only(measurement=1),
                "reset": write_only(request=1),
                "zeroise": write_only(key=1),
            },
            {
                "chip_id": In(data.ArrayLayout(64, 2)),
                "public_key": In(data.ArrayLayout(64, DIGEST_WORDS)),
                "configuration": In(data.ArrayLayout(64, DIGEST_WORDS)),
                "sealed": In(1),
                "derived": In(1),
                "cleared": In(1),
                "entropy_failed": In(1),
                "booted": In(1),
                "bootcount": In(32),
                "seq": In(64),
                "ticks": Out(64),
                "measurement": Out(data.ArrayLayout(64, DIGEST_WORDS)),
                "security_version": Out(32),
                "locked": Out(1),
                "reset_request": Out(1),
                "zeroise": Out(1),
            },
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        register = {name: value.f for name, value in self.registers.items()}

        cycles = Signal(64 + TICK_CYCLES_LOG2)
        m.d.sync += cycles.eq(cycles + 1)
        index = Signal(5)
        identity = (*self.chip_id, *self.public_key, *self.configuration)
        words = [value.word_select(half, 32) for value in identity for half in range(2)]
        with m.Switch(index):
            for number, word in enumerate(words):
                with m.Case(number):
                    m.d.comb += register["identity_data"].data.r_data.eq(word)

        m.d.comb += [
            self.ticks.eq(cycles >> TICK_CYCLES_LOG2),
            register["map_hash"].map_hash.r_data.eq(Const(self.map_hash, 32)),
            register["status"].provisioned.r_data.eq(self.sealed),
            register["status"].derived.r_data.eq(self.derived),
            register["status"].cleared.r_data.eq(self.cleared),
            register["status"].measured.r_data.eq(self.locked),
            register["status"].entropy_failed.r_data.eq(self.entropy_failed),
            register["status"].booted.r_data.eq(self.booted),
            register["ticks"].ticks.r_data.eq(self.ticks),
            register["bootcount"].bootcount.r_data.eq(self.bootcount),
            register["seq"].seq.r_data.eq(self.seq),
            self.zeroise.eq(register["zeroise"].key.w_stb & register["zeroise"].key.w_data),
        ]
        with m.If(register["identity_index"].index.w_stb):
            m.d.sync += index.eq(register["identity_index"].index.w_data)
        with m.If(register["reset"].request.w_stb & register["reset"].request.w_data):
            m.d.sync += self.reset_request.eq(1)
        with m.If(register["lock"].measurement.w_stb & register["lock"].measurement.w_data):
            m.d.sync += self.locked.eq(1)
        with m.If(~self.locked):
            with m.If(register["measurement"].word.w_stb):
                shifted = self.measurement.as_value() >> 32
                m.d.sync += [
                    self.measurement.as_value().eq(shifted),
                    self.measurement[3].word_select(1, 32).eq(register["measurement"].word.w_data),
                ]
            with m.If(register["security_version"].version.w_stb):
                m.d.sync += self.security_version.eq(register["security_version"].version.w_data)
        return m
