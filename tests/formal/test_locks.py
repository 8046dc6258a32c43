"""Claims firmware.measured, lifecycle.oneway and boot.first: what is locked or burnt stays so, whatever the bus does.

By induction on each block alone; every input is free. Locks end with a reset of their domain, which these proofs
exclude: the measurement's with a warm reset, those of fuses, vault and restored life at power-on only.
"""

import pytest
from amaranth.hdl import Assert, Assume, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from formats.otp import CHIP_ID_BYTES, CHIP_ID_OFFSET, CONFIGURATION_BYTES, CONFIGURATION_OFFSET, Lifecycle
from rtl.bus import CSR_ADDR_WIDTH, CSR_DATA_WIDTH, csr
from rtl.crypto.key_vault import KeyVault
from rtl.io.boot import BootRegisters
from rtl.io.otp import Otp
from rtl.io.system import SystemPeripheral
from tests.formal.prover import Refuted, prove


class Property(wiring.Component):
    """A block with every input free, and assertions over two cycles that follow each other without a reset."""

    def __init__(self, block: wiring.Component):
        self._block = block
        bus = {"bus": In(csr.Signature(addr_width=CSR_ADDR_WIDTH, data_width=CSR_DATA_WIDTH))}
        super().__init__({name: member for name, member in block.signature.members.items() if name != "bus"} | bus)
        if hasattr(block, "bus"):
            self.bus.memory_map = block.bus.memory_map

    def elaborate(self, platform):
        m = Module()
        m.submodules.block = block = self._block
        for name, member in block.signature.members.items():
            outer, inner = getattr(self, name), getattr(block, name)
            if member.is_signature:
                connect(m, flipped(outer), inner) if member.flow == In else connect(m, inner, flipped(outer))
            elif member.flow == In:
                m.d.comb += inner.eq(outer)
        running = Signal()
        m.d.sync += running.eq(1)
        m.d.comb += Assume(~ResetSignal("sync"))
        for condition, holds in self.rules(m, block):
            with m.If(running & condition):
                m.d.comb += Assert(holds)
        return m

    def rules(self, m, block):
        """(condition, what then holds)."""
        raise NotImplementedError

    def past(self, m, value):
        """What a value was a cycle before."""
        before = Signal.like(value)
        m.d.sync += before.eq(value)
        return before


class LockedMeasurement(Property):
    """Once locked, measurement, security version and the lock itself stay."""

    def rules(self, m, block):
        was_locked = self.past(m, block.locked)
        yield was_locked, block.locked
        for value in (block.measurement.as_value(), block.security_version):
            yield was_locked, value == self.past(m, value)


class LockedBoot(Property):
    """While locked, the hold mode stays."""

    def rules(self, m, block):
        yield self.past(m, block.locked), block.hold_mode == self.past(m, block.hold_mode)


class LockedVault(Property):
    """Once locked, a vault stays locked, and its seed stays what it is or becomes zero."""

    def rules(self, m, block):
        was_closed = self.past(m, block.locked | block.lock | block.zeroise)
        yield was_closed, block.locked
        yield was_closed, (block.seed == self.past(m, block.seed)) | (block.seed == 0)


class OneWayFuses(Property):
    """Once the fuses are read, lifecycle and security floor never go back, and an identity neither changes nor
    ends."""

    def rules(self, m, block):
        was_loaded = self.past(m, block.loaded)
        yield was_loaded, block.loaded
        yield was_loaded, block.lifecycle >= self.past(m, block.lifecycle)
        yield was_loaded, block.security_floor >= self.past(m, block.security_floor)
        yield self.past(m, block.sealed), block.sealed

        burnt = block.burns.payload.address
        is_identity = (burnt >= CHIP_ID_OFFSET) & (burnt < CHIP_ID_OFFSET + CHIP_ID_BYTES)
        is_identity |= (burnt >= CONFIGURATION_OFFSET) & (burnt < CONFIGURATION_OFFSET + CONFIGURATION_BYTES)
        yield block.burns.valid & is_identity, block.lifecycle == Lifecycle.RAW
        was_given = was_loaded & (self.past(m, block.lifecycle) != Lifecycle.RAW)
        for value in (block.chip_id.as_value(), block.configuration.as_value()):
            yield was_given, value == self.past(m, value)


@pytest.mark.parametrize(
    "check, block",
    [
        (LockedMeasurement, SystemPeripheral),
        (LockedBoot, BootRegisters),
        (LockedVault, KeyVault),
        (OneWayFuses, Otp),
    ],
    ids=lambda item: item.__name__,
)
def test_locks_stay(check, block, tmp_path):
    prove(check(block()), tmp_path)


class ForgottenLock(LockedMeasurement):
    """What must not hold: that the measurement stays even before it is locked."""

    def rules(self, m, block):
        yield 1, block.measurement.as_value() == self.past(m, block.measurement.as_value())


def test_the_proof_finds_what_is_not_locked(tmp_path):
    with pytest.raises(Refuted, match="FAIL"):
        prove(ForgottenLock(SystemPeripheral()), tmp_path)
