"""The accelerator: sequencer and operation units behind one port of the weight memory."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.descriptor import Opcode
from rtl.accel.gather import GatherUnit
from rtl.accel.gemm import GemmUnit
from rtl.accel.loss import LossUnit
from rtl.accel.operand_checks import ERROR_BITS
from rtl.accel.sequencer import RunPort, Sequencer
from rtl.config import Config
from rtl.memory.weights import WeightPort


class Accelerator(wiring.Component):
    """Executes runs of descriptors: docs/arithmetic.md, formats/descriptor.py.

    * `run`, `busy`, `hold`, `boundary`, `stopped`, `error`, `error_address`, `clear`, `descriptors`, `steps`: of
      Sequencer.
    * `memory`: all that the accelerator reads and writes.
    * `macs`: multiply-accumulates in this cycle. `busy_cycles`, `stall_cycles`: since reset, cycles with `busy`, and
      cycles in which an access to memory had to wait.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "run": In(RunPort()),
                "busy": Out(1),
                "hold": In(1),
                "boundary": Out(1),
                "memory": Out(WeightPort(config.weight_words)),
                "stopped": Out(1),
                "error": Out(ERROR_BITS),
                "error_address": Out(32),
                "clear": In(1),
                "macs": Out(range(config.array_rows * config.array_columns + 1)),
                "descriptors": Out(64),
                "steps": Out(64),
                "busy_cycles": Out(64),
                "stall_cycles": Out(64),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, words = self.config, self.config.weight_words
        m.submodules.sequencer = sequencer = Sequencer(words)
        m.submodules.gemm = gemm = GemmUnit(words, config.array_rows, config.array_columns, config.panel_slots)
        m.submodules.gather = gather = GatherUnit(words)
        m.submodules.loss = loss = LossUnit(words, config.loss_lanes)
        units = {Opcode.GEMM: gemm, Opcode.GATHER: gather, Opcode.LOSS: loss}
        connect(m, flipped(self.run), sequencer.run)
        m.d.comb += [
            self.busy.eq(sequencer.busy),
            self.boundary.eq(sequencer.boundary),
            self.stopped.eq(sequencer.stopped),
            self.error.eq(sequencer.error),
            self.error_address.eq(sequencer.error_address),
            sequencer.clear.eq(self.clear),
            sequencer.hold.eq(self.hold),
            sequencer.executed.eq(Cat(unit.done for unit in units.values()).any()),
            self.descriptors.eq(sequencer.descriptors),
            self.steps.eq(sequencer.steps),
            self.macs.eq(gemm.macs),
        ]
        for bit, opcode in enumerate(Opcode):
            unit = units[opcode]
            m.d.comb += [unit.start.eq(sequencer.execute[bit]), unit.descriptor.eq(sequencer.descriptor)]

        # At most one of them uses the memory at a time.
        port = self.memory
        users = [sequencer.memory, *(unit.memory for unit in units.values())]
        for user in users:
            m.d.comb += user.r_data.eq(port.r_data)
        chosen = Signal(len(users))
        m.d.comb += chosen.eq(Cat(user.valid for user in users))
        for bit, user in enumerate(users):
            with m.If(chosen[bit]):
                m.d.comb += [
                    port.valid.eq(1),
                    port.write.eq(user.write),
                    port.addr.eq(user.addr),
                    port.w_data.eq(user.w_data),
                    user.ready.eq(port.ready),
                ]
        with m.If(self.busy):
            m.d.sync += self.busy_cycles.eq(self.busy_cycles + 1)
        with m.If(port.valid & ~port.ready):
            m.d.sync += self.stall_cycles.eq(self.stall_cycles + 1)
        return m
