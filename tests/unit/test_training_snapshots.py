"""Snapshots while the accelerator computes: the image is the golden model's at the descriptor where it was taken."""

import random
from functools import cache

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.descriptor import Run
from formats.statement import Cause
from rtl.accel.accelerator import Accelerator
from rtl.accel.sequencer import RunPort
from rtl.config import CONFIGS
from rtl.memory.weights import WeightPort
from rtl.snapshot.engine import SnapshotEngine
from sim.golden.accelerator import execute_run
from sim.golden.merkle import snapshot_root
from sim.rtl.block import VerilatedBlock
from tests.unit.test_accelerator import PROGRAM, image_with, program

CONFIG = CONFIGS["test"]
DESCRIPTORS, ITERATIONS = 8, 2


class Watched(wiring.Component):
    """Accelerator and snapshot engine as in the chip, with a port to load memory. at: descriptors at the instant."""

    def __init__(self):
        super().__init__(
            {
                "run": In(RunPort()),
                "load": In(WeightPort(CONFIG.weight_words)),
                "request": In(1),
                "busy": Out(1),
                "boundary": Out(1),
                "clearing": Out(1),
                "capturing": Out(1),
                "done": Out(1),
                "root": Out(256),
                "at": Out(64),
                "descriptors": Out(64),
                "stalls": Out(64),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = accelerator = Accelerator(CONFIG)
        m.submodules.engine = engine = SnapshotEngine(CONFIG)
        connect(m, flipped(self.run), accelerator.run)
        loading = Signal()
        m.d.comb += [
            loading.eq(self.load.valid),
            engine.user.valid.eq(loading | accelerator.memory.valid),
            engine.user.write.eq(Mux(loading, self.load.write, accelerator.memory.write)),
            engine.user.addr.eq(Mux(loading, self.load.addr, accelerator.memory.addr)),
            engine.user.w_data.eq(Mux(loading, self.load.w_data, accelerator.memory.w_data)),
            accelerator.memory.ready.eq(engine.user.ready & ~loading),
            accelerator.memory.r_data.eq(engine.user.r_data),
            self.load.ready.eq(engine.user.ready),
            self.load.r_data.eq(engine.user.r_data),
            engine.boundary.eq(accelerator.boundary),
            engine.request.eq(self.request),
            engine.request_cause.eq(Cause.HOST),
            self.busy.eq(accelerator.busy),
            self.boundary.eq(accelerator.boundary),
            self.clearing.eq(engine.clearing),
            self.capturing.eq(engine.capturing),
            self.done.eq(engine.done),
            self.root.eq(engine.root),
            self.descriptors.eq(accelerator.descriptors),
            self.stalls.eq(accelerator.stall_cycles),
        ]
        with m.If(engine.instant):
            m.d.sync += self.at.eq(accelerator.descriptors)
        return m


@cache
def unit() -> VerilatedBlock:
    return VerilatedBlock(Watched(), cycle_limit=10**8)


def load(block: VerilatedBlock, image: bytes) -> None:
    words = [int.from_bytes(image[at : at + 8], "little") for at in range(0, len(image), 8)]
    ones = [1] * len(words)
    block.run(
        {"load__valid": ones, "load__write": ones, "load__addr": list(range(len(words))), "load__w_data": words}, []
    )
    block.set_all({"load__valid": 0, "load__write": 0})


@pytest.mark.parametrize("seed", range(2))
def test_a_snapshot_at_every_descriptor(seed):
    """Asked for while a descriptor is in progress; it is taken at its end, while the next ones run on."""
    source = random.Random(seed)
    descriptors = program(source, DESCRIPTORS)
    image, run = image_with(descriptors, source), Run(DESCRIPTORS, ITERATIONS)
    block, seen, cycles = unit(), set(), set()
    for wanted in range(run.descriptors):
        block.reset()
        block.step_until("clearing", 0)
        load(block, image)
        block.set_all(
            {"run__start": 1, "run__address": PROGRAM, "run__count": run.count, "run__iterations": ITERATIONS}
        )
        started = block.cycles
        block.step()
        block.set("run__start", 0)
        block.step_until("descriptors", wanted)
        block.step_until("boundary", 0)
        block.set("request", 1)
        block.step()
        block.set("request", 0)
        block.step_until("busy", 0)
        cycles.add(block.cycles - started)
        block.step_until("done", 1)
        at = block.get("at")
        golden = execute_run(image, PROGRAM, run, at)
        assert block.get("root").to_bytes(32, "little") == snapshot_root(golden.memory, CONFIG.page_bytes)
        assert at == wanted + 1 and block.get("stalls") == 0
        seen.add(at)
    assert seen == set(range(1, run.descriptors + 1))
    assert len(cycles) == 1, "a snapshot cost the run cycles"
