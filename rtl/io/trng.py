"""The CPU's registers of the TRNG."""

from amaranth.hdl import Module
from amaranth.lib.wiring import In

from rtl.bus import RegisterPeripheral, read_only


class TrngRegisters(RegisterPeripheral):
    """ready, repetition, proportion, samples: the Trng's, shown as they are. Random words are not for the CPU."""

    def __init__(self):
        super().__init__(
            {
                "status": read_only(ready=1, repetition=1, proportion=1),
                "samples": read_only(count=32),
            },
            {"ready": In(1), "repetition": In(1), "proportion": In(1), "samples": In(32)},
        )

    def elaborate(self, platform):
        m = Module()
        self.connect_registers(m)
        status = self.registers["status"].f
        m.d.comb += [
            status.ready.r_data.eq(self.ready),
            status.repetition.r_data.eq(self.repetition),
            status.proportion.r_data.eq(self.proportion),
            self.registers["samples"].f.count.r_data.eq(self.samples),
        ]
        return m
