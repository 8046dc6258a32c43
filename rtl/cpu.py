"""The control processor and its bus: VexRiscv, boot ROM, SRAM, windows, registers."""

import luna_soc  # noqa: F401  before amaranth_soc, which it vendors
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth_soc import csr, wishbone
from amaranth_soc.csr.wishbone import WishboneCSRBridge
from amaranth_soc.wishbone.sram import WishboneSRAM
from luna_soc.gateware.cpu import VexRiscv

from rtl.bus import CSR_DATA_WIDTH, MemoryMap, RegisterPeripheral
from rtl.config import Config

ROM_BASE = 0x0000_0000
SRAM_BASE = 0x1000_0000
# VexRiscv's data cache passes addresses with bit 31 set by.
WEIGHTS_BASE = 0x8000_0000
IMAGE_BASE = 0x9000_0000
STATEMENT_BASE = 0xA000_0000
INGEST_DATA_BASE = 0xB000_0000
HASH_DATA_BASE = 0xC000_0000
CSR_BASE = 0xF000_0000
CSR_SPACE_BITS = 12

BUS_TIMEOUT = 4096
"""Cycles after which an access that nobody answers is ended with `err`."""


class BusGuard(wiring.Component):
    """Passes Wishbone accesses on, and ends one that gets no answer within BUS_TIMEOUT cycles with `err`."""

    def __init__(self):
        signature = wishbone.Signature(addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"})
        super().__init__({"initiator": In(signature), "target": Out(signature)})

    def elaborate(self, platform):
        m = Module()
        connect(m, flipped(self.initiator), flipped(self.target))
        waited = Signal(range(BUS_TIMEOUT + 1))
        expired = waited == BUS_TIMEOUT
        with m.If(self.initiator.cyc & self.initiator.stb & ~self.target.ack & ~self.target.err & ~expired):
            m.d.sync += waited.eq(waited + 1)
        with m.Else():
            m.d.sync += waited.eq(0)
        with m.If(expired):
            m.d.comb += [
                self.initiator.err.eq(1),
                self.initiator.ack.eq(0),
                self.target.cyc.eq(0),
                self.target.stb.eq(0),
            ]
        return m


class FetchGuard(wiring.Component):
    """Passes instruction fetches from ROM on, and those from SRAM while `sram_executable` is 1. All others read
    zeros, an illegal instruction (RISC-V unprivileged ISA 1.5), acknowledged in the cycle of the request, and reach
    no memory.

    So nothing in SRAM runs before what lies there is measured and locked, whatever makes the CPU jump there; and
    accelerator memory, which the host fills, is never code.
    """

    def __init__(self):
        signature = wishbone.Signature(addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"})
        super().__init__({"initiator": In(signature), "target": Out(signature), "sram_executable": In(1)})

    def elaborate(self, platform):
        m = Module()
        connect(m, flipped(self.initiator), flipped(self.target))
        region = self.initiator.adr[-4:]
        is_rom, is_sram = region == ROM_BASE >> 28, region == SRAM_BASE >> 28
        with m.If(~is_rom & ~(is_sram & self.sram_executable)):
            m.d.comb += [
                self.target.cyc.eq(0),
                self.target.stb.eq(0),
                self.initiator.ack.eq(self.initiator.cyc & self.initiator.stb),
                self.initiator.err.eq(0),
                self.initiator.dat_r.eq(0),
            ]
        return m


class BusFault(wiring.Component):
    """Passes Wishbone accesses on, acknowledges in the same cycle those that end with `err`, and sets `fault`.

    VexRiscv's Wishbone bridge takes no notice of `err` and would wait for `ack` for ever.
    fault: 1 from the cycle after the first `err` until reset.
    """

    def __init__(self):
        signature = wishbone.Signature(addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"})
        super().__init__({"initiator": In(signature), "target": Out(signature), "fault": Out(1)})

    def elaborate(self, platform):
        m = Module()
        connect(m, flipped(self.initiator), flipped(self.target))
        m.d.comb += [self.initiator.ack.eq(self.target.ack | self.target.err), self.initiator.err.eq(0)]
        m.d.sync += self.fault.eq(self.fault | self.target.err)
        return m


class ControlProcessor(wiring.Component):
    """RV32IM core with the whole address map. A bus error raises its software interrupt until reset.

    peripherals: name -> peripheral, in register order. windows: (name, base address, Wishbone bus).
    memory_map: of the bus; the one source of every address. csr_map: of the registers, from CSR_BASE.
    sram_executable: FetchGuard's.
    The ROM's contents are given to its memory (submodule `rom`) by whoever builds or starts the chip.
    """

    def __init__(self, config: Config, peripherals: dict[str, RegisterPeripheral], windows, rom_image: bytes):
        super().__init__({"sram_executable": In(1)})
        words = [int.from_bytes(rom_image[at : at + 4], "little") for at in range(0, len(rom_image), 4)]
        self.cpu = VexRiscv(variant="imac+dcache", reset_addr=ROM_BASE)
        self.rom = WishboneSRAM(size=config.rom_bytes, data_width=32, granularity=8, writable=False, init=words)
        self.sram = WishboneSRAM(size=config.sram_bytes, data_width=32, granularity=8)

        registers = csr.Decoder(addr_width=CSR_SPACE_BITS, data_width=CSR_DATA_WIDTH)
        for name, peripheral in peripherals.items():
            registers.add(peripheral.bus, name=name)
        self.registers = registers
        self.bridge = WishboneCSRBridge(registers.bus, data_width=32)

        self.decoder = wishbone.Decoder(addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"})
        self.decoder.add(self.rom.wb_bus, name="rom", addr=ROM_BASE)
        self.decoder.add(self.sram.wb_bus, name="sram", addr=SRAM_BASE)
        for name, base, bus in windows:
            self.decoder.add(bus, name=name, addr=base)
        self.decoder.add(self.bridge.wb_bus, name="csr", addr=CSR_BASE)

    @property
    def memory_map(self) -> MemoryMap:
        """The processor's whole address map, in bytes."""
        return self.decoder.bus.memory_map

    @property
    def csr_map(self) -> MemoryMap:
        """The map of all CSR registers, relative to their window."""
        return self.registers.bus.memory_map

    def elaborate(self, platform):
        m = Module()
        m.submodules.cpu = self.cpu
        m.submodules.rom = self.rom
        m.submodules.sram = self.sram
        m.submodules.registers = self.registers
        m.submodules.bridge = self.bridge
        m.submodules.decoder = self.decoder
        m.submodules.arbiter = arbiter = wishbone.Arbiter(
            addr_width=30, data_width=32, granularity=8, features={"err", "cti", "bte"}
        )
        m.submodules.fault = fault = BusFault()
        m.submodules.guard = guard = BusGuard()
        # The data bus comes first: it wins when both ask.
        arbiter.add(self.cpu.dbus)
        m.submodules.fetches = fetches = FetchGuard()
        connect(m, self.cpu.ibus, fetches.initiator)
        m.d.comb += fetches.sram_executable.eq(self.sram_executable)
        arbiter.add(fetches.target)
        connect(m, arbiter.bus, fault.initiator)
        connect(m, fault.target, guard.initiator)
        m.d.comb += self.cpu.irq_software.eq(fault.fault)
        connect(m, guard.target, self.decoder.bus)
        return m
