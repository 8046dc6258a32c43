"""Registers of the boot: where a chip's life goes on after power-on, why ROM refused, how the log is kept."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from rtl.bus import RegisterPeripheral, read_only, until_locked, write_only

LIFE = data.StructLayout({"seq": 64, "bootcount": 32, "macs": 64, "chain": data.ArrayLayout(64, 4)})
"""What a chip counts over its life, as it was when it lost power."""

LIFE_WORDS = LIFE.size // 32
ERRORS = ("error", "slot_a", "slot_b")


class BootRegisters(RegisterPeripheral):
    """The `boot` registers.

    life: what the CPU wrote to `restore_data`, 32-bit words in the order of LIFE from `restore_index` on; the index
        moves on with each, and words beyond LIFE are dropped. restore: one cycle, when the CPU asks that life go on
        there; whether it does is not decided here. restored: shown as it is.
    error, slot_a, slot_b (BootError codes of formats/boot.py) and hold_mode: registers of the CPU's that keep what
        was written last before `locked`, until reset.
    """

    def __init__(self):
        super().__init__(
            {
                "restore_index": write_only(index=4),
                "restore_data": write_only(data=32),
                "restore": write_only(commit=1),
                "status": read_only(restored=1),
                **{name: until_locked(error=8) for name in ERRORS},
                "hold_mode": until_locked(enable=1),
            },
            {
                "life": Out(LIFE),
                "restore": Out(1),
                "restored": In(1),
                "locked": In(1),
                "hold_mode": Out(1),
            },
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        register = {name: value.f for name, value in self.registers.items()}
        given, commit = register["restore_data"].data, register["restore"].commit
        index = Signal(4)
        with m.If(register["restore_index"].index.w_stb):
            m.d.sync += index.eq(register["restore_index"].index.w_data)
        with m.Elif(given.w_stb):
            m.d.sync += index.eq(index + 1)
        with m.If(given.w_stb), m.Switch(index):
            for number in range(LIFE_WORDS):
                with m.Case(number):
                    m.d.sync += self.life.as_value().word_select(number, 32).eq(given.w_data)
        m.d.comb += [
            self.restore.eq(commit.w_stb & commit.w_data),
            register["status"].restored.r_data.eq(self.restored),
            register["hold_mode"].enable.locked.eq(self.locked),
            self.hold_mode.eq(register["hold_mode"].enable.data),
            Cat(register[name].error.locked for name in ERRORS).eq(self.locked.replicate(len(ERRORS))),
        ]
        return m
