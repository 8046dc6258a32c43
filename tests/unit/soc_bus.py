"""A whole chip with the test in the processor's place: its bus, and models of fuses and noise at its ports."""

import random
from functools import cache

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.hashing import TICK_CYCLES_LOG2
from formats.statement import Kind, layout
from rtl.bus import wishbone
from rtl.config import CONFIGS
from rtl.memory_map import register_rows, window_rows
from rtl.soc import LivetrapSoC
from sim.rtl.block import VerilatedBlock

CONFIG = CONFIGS["test"]
START_CYCLES = 4096
"""After so many a sample of noise is taken each tick at most."""

WAIT_LIMIT = 1_000_000
_BUS = wishbone.Signature(addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"})


class _NoCpu(wiring.Component):
    """What ControlProcessor needs of its core: two buses, of which the test has one, and an interrupt."""

    def __init__(self):
        super().__init__({"dbus": Out(_BUS), "ibus": Out(_BUS), "irq_software": In(1)})

    def elaborate(self, platform):
        return Module()


class _ChipOnBus(wiring.Component):
    def __init__(self):
        self.soc = LivetrapSoC(CONFIG)
        self.soc.processor.cpu = _NoCpu()
        control = {
            "access": In(1),
            "write": In(1),
            "address": In(32),
            "w_data": In(32),
            "r_data": Out(32),
            "ack": Out(1),
        }
        super().__init__({**self.soc.signature.members, **control, "fault": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.soc = soc = self.soc
        for name, member in soc.signature.members.items():
            inner, outer = getattr(soc, name), getattr(self, name)
            if member.flow is In:
                connect(m, flipped(outer), inner)
            else:
                connect(m, inner, flipped(outer))
        cpu = soc.processor.cpu
        bus = cpu.dbus
        m.d.comb += [
            bus.cyc.eq(self.access),
            bus.stb.eq(self.access),
            bus.we.eq(self.write),
            bus.adr.eq(self.address >> 2),
            bus.sel.eq(0b1111),
            bus.dat_w.eq(self.w_data),
            self.r_data.eq(bus.dat_r),
            self.ack.eq(bus.ack),
            self.fault.eq(cpu.irq_software),
        ]
        return m


@cache
def _chip() -> tuple[VerilatedBlock, dict[str, int], dict[str, int]]:
    """The chip, the addresses of its registers (peripheral.register), and of its windows."""
    component = _ChipOnBus()
    rows = register_rows(component.soc.processor)
    registers = {f"{peripheral}.{register}": address for peripheral, register, address, *_ in rows}
    windows = {name: base for name, base, _ in window_rows(component.soc.processor)}
    return VerilatedBlock(component, "chip_on_bus", cycle_limit=20_000_000), registers, windows


class SocOnBus:
    """A chip since power-on. fuses: what is burnt, kept by whoever powers it on again. noise: stuck at 1 if set."""

    def __init__(self, fuses: bytes | bytearray, seed: int = 1):
        self.block, self._registers, self.windows = _chip()
        self.fuses = bytearray(fuses)
        self.random = random.Random(seed)
        self.stuck = False
        self.power_on()

    def step(self, cycles: int = 1) -> None:
        """START_CYCLES after power-on, up to a tick at a time: no noise is taken twice, nor a burn missed."""
        block = self.block
        block.set("noise__payload", 1 if self.stuck else self.random.getrandbits(1))
        if block.get("otp_burn__valid"):
            burn = block.get("otp_burn__payload")
            self.fuses[burn & 0x7F] |= burn >> 7
            block.set("otp_burn__ready", 1)
            block.step()
            block.set("otp_burn__ready", 0)
            return
        block.step(cycles)

    def power_on(self) -> None:
        """The same fuses, streamed in; everything else from the beginning."""
        block = self.block
        block.power_on()
        self._powered = block.cycles
        block.set_all({"noise__valid": 1, "flash_tx__ready": 1, "otp_load__valid": 1})
        for byte in bytes(self.fuses):
            block.set("otp_load__payload", byte)
            for _ in range(10):
                taken = block.get("otp_load__ready")
                self.step()
                if taken:
                    break
            else:
                raise AssertionError("the fuses were not taken")
        block.set("otp_load__valid", 0)

    def access(self, address: int, value: int | None = None) -> int:
        """One access to the bus, with the data that were read."""
        block = self.block
        block.set_all({"access": 1, "write": value is not None, "address": address, "w_data": value or 0})
        for _ in range(5000):
            done, data = block.get("ack"), block.get("r_data")
            self.step()
            if done:
                block.set("access", 0)
                self.step()
                return data
        raise AssertionError(f"the bus did not answer at {address:#x}")

    def read(self, name: str, index: int = 0) -> int:
        """A 32-bit word of a register."""
        return self.access(self._registers[name] + 4 * index)

    def write(self, name: str, value: int) -> None:
        self.access(self._registers[name], value)

    def reset(self) -> None:
        """A warm reset, which takes the processor's own access to the register away too."""
        address = self._registers["chip.reset"]
        self.block.set_all({"access": 1, "write": 1, "address": address, "w_data": 1})
        for _ in range(4):
            self.step()
        self.block.set("access", 0)
        for _ in range(10):
            self.step()

    def wait(self, name: str, mask: int, value: int, limit: int = WAIT_LIMIT) -> None:
        """Until the register under the mask has the value; at most about so many cycles."""
        begun = self.block.cycles
        while self.read(name) & mask != value:
            assert self.block.cycles - begun < limit, f"{name} is {self.read(name):#x}"
            started = self.block.cycles - self._powered > START_CYCLES
            self.step(1 << TICK_CYCLES_LOG2 if started else 1)

    def identity(self) -> bytes:
        """The 80 bytes of chip id, public key and configuration."""
        words = []
        for index in range(20):
            self.write("chip.identity_index", index)
            words.append(self.read("chip.identity_data"))
        return b"".join(word.to_bytes(4, "little") for word in words)

    def state(self, kind: Kind) -> bytes | None:
        """The statement, or None if it is refused."""
        self.write("statement.request", kind)
        if self.read("statement.status") >> 2 & 1:
            return None
        self.wait("statement.status", 1, 0)
        words = range(0, layout().statement_bytes, 4)
        return b"".join(self.access(self.windows["statement"] + at).to_bytes(4, "little") for at in words)
