"""VerilatedBlock against small components whose behaviour is plain."""

import random
import subprocess
import sys

import pytest
from amaranth import Assert, Module, Mux, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from sim.rtl.block import CycleLimit, VerilatedBlock
from sim.rtl.cache import built_once
from sim.rtl.verilator import BuildError, verilate


class Accumulator(wiring.Component):
    """Sums the words it takes while `pause` is 0; keeps each in a memory; the sum must not become 13."""

    words: In(stream.Signature(data.StructLayout({"value": 64, "negate": 1})))
    pause: In(1)
    total: Out(66)
    signed_total: Out(data.ArrayLayout(100, 2))
    count: Out(4)
    low: Out(data.StructLayout({"total": 3}))
    balance: Out(signed(8))
    address: In(4)
    kept: Out(64)

    def elaborate(self, platform):
        m = Module()
        m.submodules.kept = memory = Memory(shape=64, depth=16, init=[9])
        write = memory.write_port()
        read = memory.read_port()
        word = self.words.payload
        m.d.comb += [
            self.words.ready.eq(~self.pause),
            write.en.eq(self.words.valid & self.words.ready),
            write.addr.eq(self.count),
            write.data.eq(word.value),
            read.addr.eq(self.address),
            read.en.eq(1),
            self.kept.eq(read.data),
            self.low.total.eq(self.total),
        ]
        with m.If(write.en):
            m.d.sync += [
                self.count.eq(self.count + 1),
                self.total.eq(self.total + word.value),
                self.balance.eq(self.balance + Mux(word.negate, -1, 1)),
                self.signed_total[1].eq(self.signed_total[1] - 1),
            ]
        m.d.sync += Assert(self.total != 13)
        return m


class Inverter(wiring.Component):
    a: In(130)
    y: Out(130)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.y.eq(~self.a)
        return m


def test_stream_memory_and_reset():
    block = VerilatedBlock(Accumulator())
    rng = random.Random(1)
    total, kept = 0, [9] + [0] * 15
    count = 0
    for _ in range(300):
        value, valid, pause = rng.getrandbits(64), rng.randrange(2), rng.randrange(2)
        block.set_all({"words__payload": value, "words__valid": valid, "pause": pause})
        assert block.get("words__ready") == 1 - pause
        if valid and not pause:
            kept[count % 16] = value
            total, count = (total + value) % 2**66, count + 1
        block.step()
        assert (block.get("total"), block.get("count"), block.get("low")) == (total, count % 16, total % 8)
    assert block.get("signed_total") == (-count % 2**100) << 100
    assert block.get("balance") == (count + 128) % 256 - 128
    block.set("words__valid", 0)
    block.reset()
    assert (block.get("total"), block.cycles) == (0, 301)
    for address in range(16):
        block.set("address", address)
        block.step()
        assert block.get("kept") == kept[address]
    block.power_on()
    block.step()
    assert (block.get("kept"), block.cycles) == (9, 318)


def test_run_equals_single_steps():
    rng = random.Random(2)
    cycles = 200
    inputs = {
        "words__payload": [rng.getrandbits(65) for _ in range(cycles)],
        "words__valid": [rng.randrange(2) for _ in range(cycles)],
        "pause": [rng.randrange(2) for _ in range(cycles)],
        "address": [rng.randrange(16) for _ in range(cycles)],
    }
    outputs = ["words__ready", "total", "signed_total", "balance", "kept", "count"]
    sampled = VerilatedBlock(Accumulator()).run(inputs, outputs)
    block = VerilatedBlock(Accumulator())
    for cycle in range(cycles):
        block.set_all({name: values[cycle] for name, values in inputs.items()})
        assert {name: block.get(name) for name in outputs} == {name: sampled[name][cycle] for name in outputs}
        block.step()
    assert min(sampled["balance"]) < 0


def test_step_until():
    block = VerilatedBlock(Accumulator())
    block.set_all({"words__valid": 1, "words__payload": 1 << 64})
    assert block.step_until("balance", -5) == 5
    assert block.step_until("balance", -5) == 0
    with pytest.raises(CycleLimit):
        block.step_until("words__ready", 0, limit=7)
    assert block.cycles == 12


def test_cycle_limit():
    block = VerilatedBlock(Accumulator(), cycle_limit=10)
    block.step(10)
    run, step_until = lambda: block.run({"pause": [0]}, []), lambda: block.step_until("count")
    for exceed in (block.step, block.reset, run, step_until):
        with pytest.raises(CycleLimit):
            exceed()
    assert block.cycles == 10


def test_failed_assertion_is_raised():
    block = VerilatedBlock(Accumulator())
    block.set_all({"words__valid": 1, "words__payload": 13})
    block.step()
    with pytest.raises(AssertionError, match="Accumulator"):
        block.step()


def test_values_that_do_not_fit():
    block = VerilatedBlock(Accumulator())
    for name, value in (("pause", 2), ("pause", -1), ("words__payload", 1 << 65), ("address", 16)):
        with pytest.raises(ValueError, match=name):
            block.set(name, value)
        with pytest.raises(ValueError, match=name):
            block.run({name: [value]}, [])
    for name in ("total", "clk", "absent"):
        with pytest.raises(KeyError):
            block.set(name, 0)


def test_component_without_registers():
    block = VerilatedBlock(Inverter())
    for value in (0, 1, 1 << 129, random.Random(3).getrandbits(130)):
        block.set("a", value)
        assert block.get("y") == value ^ (2**130 - 1)
    block.reset()
    block.step(2)
    assert block.run({"a": [1, 2]}, ["y"])["y"] == [2**130 - 2, 2**130 - 3]


def test_warning_ends_the_build(tmp_path):
    source = tmp_path / "loop.v"
    source.write_text("module loop(input a, output b); wire c = b ^ a; assign b = c | ~a; endmodule\n")
    with pytest.raises(BuildError, match="UNOPTFLAT"):
        verilate([source], tmp_path / "model", top="loop", prefix="Loop")


def test_two_blocks_of_one_class_are_apart():
    first, second = VerilatedBlock(Accumulator()), VerilatedBlock(Accumulator())
    first.set_all({"words__valid": 1, "words__payload": 4})
    first.step(2)
    second.step(2)
    assert (first.get("total"), second.get("total")) == (8, 0)


def test_cache_is_built_once_by_many_processes(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom sim.rtl.cache import built_once\n"
        "def build(directory):\n    print('built', flush=True)\n    time.sleep(0.2)\n"
        "    (directory / 'product').write_text('whole')\n"
        "print((built_once(Path(sys.argv[1]), build) / 'product').read_text())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "cache" / "entry")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = [process.communicate(timeout=30)[0].split() for process in processes]
    assert sorted(printed) == [["built", "whole"], ["whole"], ["whole"], ["whole"]]


def test_failed_build_leaves_nothing(tmp_path):
    def fail(directory):
        (directory / "half").write_text("")
        raise BuildError("no")

    with pytest.raises(BuildError):
        built_once(tmp_path / "entry", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["entry.lock"]
