"""The CPU's registers of the engines: trigger, snapshot, statement, accelerator, counters."""

from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out

from formats.statement import Cause
from rtl.accel.operand_checks import ERROR_BITS
from rtl.bus import RegisterPeripheral, read_only, write_only


class TriggerRegisters(RegisterPeripheral):
    """rate: the random trigger's rate in force (it is set by an ingest record, not here)."""

    def __init__(self):
        super().__init__({"rate": read_only(rate=64)}, {"rate": In(64)})

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        m.d.comb += self.registers["rate"].f.rate.r_data.eq(self.rate)
        return m


class SnapshotRegisters(RegisterPeripheral):
    """request: one cycle, with `cause`, when the CPU asks for a snapshot by the host or an inspector's challenge;
    any other cause asks for nothing, since it is not the CPU's to claim. The rest is shown as it is.

    done: the root is valid and no statement carries it yet. capture_cause (register `cause`): of the last capture.
    """

    def __init__(self):
        super().__init__(
            {
                "request": write_only(cause=4),
                "status": read_only(pending=1, capturing=1, done=1),
                "captures": read_only(count=32),
                "capture_cycles": read_only(cycles=32),
                "stall_cycles": read_only(cycles=32),
                "cause": read_only(cause=4),
            },
            {
                "request": Out(1),
                "cause": Out(4),
                "pending": In(1),
                "capturing": In(1),
                "done": In(1),
                "captures": In(32),
                "capture_cycles": In(32),
                "stall_cycles": In(32),
                "capture_cause": In(4),
            },
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        request, status = self.registers["request"].f.cause, self.registers["status"].f
        m.d.comb += [
            self.request.eq(request.w_stb & ((request.w_data == Cause.HOST) | (request.w_data == Cause.CHALLENGE))),
            self.cause.eq(request.w_data),
            status.pending.r_data.eq(self.pending),
            status.capturing.r_data.eq(self.capturing),
            status.done.r_data.eq(self.done),
            self.registers["captures"].f.count.r_data.eq(self.captures),
            self.registers["capture_cycles"].f.cycles.r_data.eq(self.capture_cycles),
            self.registers["stall_cycles"].f.cycles.r_data.eq(self.stall_cycles),
            self.registers["cause"].f.cause.r_data.eq(self.capture_cause),
        ]
        return m


class StatementRegisters(RegisterPeripheral):
    """request: one cycle, with `kind`. slot_write: one cycle, with index and data; the index then moves on.

    busy, valid, refused, sign_cycles: shown as they are.
    """

    def __init__(self):
        super().__init__(
            {
                "slot_index": write_only(index=4),
                "slot_data": write_only(data=32),
                "request": write_only(kind=5),
                "status": read_only(busy=1, valid=1, refused=1),
                "sign_cycles": read_only(cycles=32),
            },
            {
                "request": Out(1),
                "kind": Out(5),
                "slot_write": Out(1),
                "slot_index": Out(4),
                "slot_data": Out(32),
                "busy": In(1),
                "valid": In(1),
                "refused": In(1),
                "sign_cycles": In(32),
            },
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        register = {name: value.f for name, value in self.registers.items()}
        m.d.comb += [
            self.request.eq(register["request"].kind.w_stb),
            self.kind.eq(register["request"].kind.w_data),
            self.slot_write.eq(register["slot_data"].data.w_stb),
            self.slot_data.eq(register["slot_data"].data.w_data),
            register["status"].busy.r_data.eq(self.busy),
            register["status"].valid.r_data.eq(self.valid),
            register["status"].refused.r_data.eq(self.refused),
            register["sign_cycles"].cycles.r_data.eq(self.sign_cycles),
        ]
        with m.If(register["slot_index"].index.w_stb):
            m.d.sync += self.slot_index.eq(register["slot_index"].index.w_data)
        with m.Elif(self.slot_write):
            m.d.sync += self.slot_index.eq(self.slot_index + 1)
        return m


class AcceleratorRegisters(RegisterPeripheral):
    """clear: one cycle, when the CPU clears the error. release: one cycle, when it asks for the end of a hold.

    held: no further descriptor starts. The rest is shown as it is; docs in rtl/accel/sequencer.py.
    """

    def __init__(self):
        super().__init__(
            {
                "status": read_only(busy=1, stopped=1, error=ERROR_BITS, held=1),
                "error_address": read_only(address=32),
                "busy_cycles": read_only(cycles=64),
                "stall_cycles": read_only(cycles=64),
                "control": write_only(clear=1, release=1),
            },
            {
                "busy": In(1),
                "stopped": In(1),
                "error": In(ERROR_BITS),
                "error_address": In(32),
                "busy_cycles": In(64),
                "stall_cycles": In(64),
                "held": In(1),
                "clear": Out(1),
                "release": Out(1),
            },
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        status, control = self.registers["status"].f, self.registers["control"].f
        m.d.comb += [
            status.busy.r_data.eq(self.busy),
            status.stopped.r_data.eq(self.stopped),
            status.error.r_data.eq(self.error),
            status.held.r_data.eq(self.held),
            self.registers["error_address"].f.address.r_data.eq(self.error_address),
            self.registers["busy_cycles"].f.cycles.r_data.eq(self.busy_cycles),
            self.registers["stall_cycles"].f.cycles.r_data.eq(self.stall_cycles),
            self.clear.eq(control.clear.w_stb & control.clear.w_data),
            self.release.eq(control.release.w_stb & control.release.w_data),
        ]
        return m


class CounterRegisters(RegisterPeripheral):
    """macs, steps, descriptors: the accelerator's counters, shown as they are."""

    def __init__(self):
        names = ("macs", "steps", "descriptors")
        super().__init__({name: read_only(count=64) for name in names}, {name: In(64) for name in names})

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        for name, register in self.registers.items():
            m.d.comb += register.f.count.r_data.eq(getattr(self, name))
        return m
