"""The sequencer: fetches a run's descriptors from memory, checks each, and has it executed."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import DESCRIPTOR_BYTES, MAX_ITERATIONS, AcceleratorError, Flag, Opcode
from formats.hashing import WORD_BYTES
from rtl.accel.descriptor import DESCRIPTOR
from rtl.accel.operand_checks import CHECK_CYCLES, ERROR_BITS, OperandChecks, overlaps_window
from rtl.memory.weights import WeightPort

DESCRIPTOR_WORDS = DESCRIPTOR_BYTES // WORD_BYTES
MARK = Flag.MARK.bit_length() - 1

OVERHEAD_CYCLES = 1 + 2 * DESCRIPTOR_WORDS + CHECK_CYCLES
"""From the end of a descriptor to the start of the next one's execution, if memory is ready."""


class RunPort(wiring.Signature):
    """A run, seen from who gives it: formats/descriptor.py's Run, and the address of its program.

    All but `start` are stable from `start` until the run is over.
    """

    def __init__(self):
        super().__init__(
            {
                "start": Out(1),
                "address": Out(32),
                "count": Out(32),
                "iterations": Out(32),
                "open_begin": Out(32),
                "open_end": Out(32),
            }
        )


class Sequencer(wiring.Component):
    """Executes one run at a time, descriptor by descriptor, on a memory of `words` words.

    * `run`: `start` only while not `busy`. A run without descriptors is over in the next cycle.
    * `busy`: from the cycle after `start` until the run is over.
    * `execute`: one cycle, by opcode, for the unit that carries out `descriptor`; `executed`: that unit's `done`.
    * `hold`: no `execute` in a cycle in which it is 1; the run goes on after it. What is in progress ends.
    * `boundary`: 0 from the cycle after `execute` up to that of `executed`, else 1.
    * `memory`: reads only.
    * `stopped`: a descriptor was refused, and the run ended before it; `error` and `error_address` say why and which.
      They stay until `clear`, which is ignored while `busy`.
    * `descriptors`, `steps`: completed since reset; they change with `boundary`.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__(
            {
                "run": In(RunPort()),
                "busy": Out(1),
                "execute": Out(len(Opcode)),
                "descriptor": Out(DESCRIPTOR),
                "executed": In(1),
                "hold": In(1),
                "boundary": Out(1),
                "memory": Out(WeightPort(words)),
                "stopped": Out(1),
                "error": Out(ERROR_BITS),
                "error_address": Out(32),
                "clear": In(1),
                "descriptors": Out(64),
                "steps": Out(64),
            }
        )

    def elaborate(self, platform):
        m = Module()
        run, memory = self.run, self.memory
        memory_bytes = self.words * WORD_BYTES
        m.submodules.checks = checks = OperandChecks(memory_bytes)

        at = Signal(33)
        left, iteration, word = Signal(32), Signal(32), Signal(range(DESCRIPTOR_WORDS))
        fetched = Signal(DESCRIPTOR_BYTES * 8)
        executing = Signal()
        m.d.comb += [
            self.boundary.eq(~executing),
            self.descriptor.eq(fetched),
            checks.descriptor.eq(fetched),
            checks.iteration.eq(iteration),
            checks.open_begin.eq(run.open_begin),
            checks.open_end.eq(run.open_end),
            memory.addr.eq((at >> 3) + word),
        ]
        end = at + DESCRIPTOR_BYTES
        unfetchable = (
            at[:3].any()
            | (run.iterations > MAX_ITERATIONS)
            | (end > memory_bytes)
            | overlaps_window(at, end, run.open_begin, run.open_end)
        )

        def stop(error):
            m.d.sync += [
                self.stopped.eq(1),
                self.error.eq(error),
                self.error_address.eq(at),
                self.busy.eq(0),
            ]
            m.next = "IDLE"

        with m.If(self.clear & ~self.busy):
            m.d.sync += [self.stopped.eq(0), self.error.eq(AcceleratorError.NONE), self.error_address.eq(0)]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(run.start & (run.count != 0) & (run.iterations != 0)):
                    m.d.sync += [at.eq(run.address), left.eq(run.count), iteration.eq(0), self.busy.eq(1)]
                    m.next = "LOCATE"

            with m.State("LOCATE"):
                m.next = "FETCH"
                with m.If(unfetchable):
                    stop(AcceleratorError.PROGRAM)

            with m.State("FETCH"):
                m.d.comb += memory.valid.eq(1)
                with m.If(memory.ready):
                    m.next = "TAKE"

            with m.State("TAKE"):
                m.d.sync += [fetched.word_select(word, 64).eq(memory.r_data), word.eq(word + 1)]
                m.next = "FETCH"
                with m.If(word == DESCRIPTOR_WORDS - 1):
                    m.next = "CHECK"

            with m.State("CHECK"):
                m.d.comb += checks.start.eq(1)
                m.next = "JUDGE"

            with m.State("JUDGE"):
                with m.If(checks.done):
                    m.next = "EXECUTE"
                    with m.If(checks.error != AcceleratorError.NONE):
                        stop(checks.error)
                    with m.Elif(self.descriptor.opcode == Opcode.GATHER):
                        index = DESCRIPTOR["b"].offset + DESCRIPTOR["b"].shape["address"].offset
                        m.d.sync += fetched[index : index + 32].eq(checks.index_address)

            with m.State("EXECUTE"):
                with m.If(~self.hold):
                    for bit, opcode in enumerate(Opcode):
                        m.d.comb += self.execute[bit].eq(self.descriptor.opcode == opcode)
                    m.d.sync += executing.eq(1)
                    m.next = "AWAIT"

            with m.State("AWAIT"):
                with m.If(self.executed):
                    m.d.sync += [
                        executing.eq(0),
                        self.descriptors.eq(self.descriptors + 1),
                        self.steps.eq(self.steps + self.descriptor.flags[MARK]),
                        at.eq(at + DESCRIPTOR_BYTES),
                        left.eq(left - 1),
                    ]
                    m.next = "LOCATE"
                    with m.If(left == 1):
                        m.d.sync += [at.eq(run.address), left.eq(run.count), iteration.eq(iteration + 1)]
                        with m.If(iteration + 1 == run.iterations):
                            m.d.sync += self.busy.eq(0)
                            m.next = "IDLE"
        return m
