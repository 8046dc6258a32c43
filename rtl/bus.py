"""The bus fabric: amaranth-soc's CSR and Wishbone, which luna-soc carries (the index's own amaranth-soc is empty)."""

import luna_soc  # noqa: F401  its import puts the amaranth_soc that it vendors on the path
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth_soc import csr, wishbone
from amaranth_soc.memory import MemoryMap

__all__ = ["MemoryMap", "RegisterPeripheral", "csr", "wishbone", "wishbone_signature"]

CSR_ADDR_WIDTH = 6
"""Byte address bits of one peripheral: sixteen 32-bit registers."""
CSR_DATA_WIDTH = 8
"""amaranth-soc's bridge serves byte-wide CSR buses; a 32-bit access takes 6 cycles."""


def wishbone_signature(addr_width: int) -> wishbone.Signature:
    """A 32-bit Wishbone bus with byte selects, and with `err` so that a refused access traps."""
    return wishbone.Signature(addr_width=addr_width, data_width=32, granularity=8, features={"err"})


class RegisterPeripheral(wiring.Component):
    """A peripheral with CSR registers, each aligned to 32 bits.

    registers: name -> csr.Register, laid out in order. members: the ports besides `bus`.
    The registers are attributes of `self.registers`. Subclasses call `connect_registers` in elaborate.
    """

    def __init__(self, registers: dict[str, csr.Register], members: dict):
        builder = csr.Builder(addr_width=CSR_ADDR_WIDTH, data_width=CSR_DATA_WIDTH)
        offset = 0
        for name, register in registers.items():
            builder.add(name, register, offset=offset)
            offset += -(-register.element.width // 32) * 4
        self.registers = registers
        super().__init__({"bus": In(csr.Signature(addr_width=CSR_ADDR_WIDTH, data_width=CSR_DATA_WIDTH)), **members})
        self.bus.memory_map = builder.as_memory_map()

    def connect_registers(self, m: Module) -> None:
        """Adds the bridge from `bus` to the registers to the module; once, in elaborate."""
        m.submodules.registers = bridge = csr.Bridge(self.bus.memory_map)
        connect(m, flipped(self.bus), bridge.bus)


def read_only(**fields: int) -> csr.Register:
    """A register of read-only fields, name -> width, from bit 0 up; drive `.f.<name>.r_data`."""
    return csr.Register({name: csr.Field(csr.action.R, width) for name, width in fields.items()}, access="r")


def write_only(**fields: int) -> csr.Register:
    """A register of write-only fields, name -> width; `.f.<name>.w_stb` and `.w_data` are valid together."""
    return csr.Register({name: csr.Field(csr.action.W, width) for name, width in fields.items()}, access="w")


class _UntilLocked(csr.FieldAction):
    """A field with storage that the bus reads, and writes while `locked` is 0."""

    def __init__(self, shape):
        super().__init__(shape, access="rw", members={"data": Out(shape), "locked": In(1)})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.port.w_stb & ~self.locked):
            m.d.sync += self.data.eq(self.port.w_data)
        m.d.comb += self.port.r_data.eq(self.data)
        return m


def until_locked(**fields: int) -> csr.Register:
    """A register of fields that can be written while `.f.<name>.locked` is 0; drive that, and use `.data`."""
    return csr.Register({name: csr.Field(_UntilLocked, width) for name, width in fields.items()}, access="rw")
