"""Training on the emulated chip: real RTL and firmware against the golden model, by the roots that the chip signs."""

from collections.abc import Iterator

import pytest

from formats.descriptor import AcceleratorError, Descriptor, Run
from formats.link import ChipError
from formats.statement import Cause, Kind
from host.device import Device
from host.errors import AcceleratorStopped
from host.evidence.statement import Statement, parse
from host.link.message import ChipRefusal
from host.train.digits import Digits
from host.train.follow import Pace, follow
from host.train.reference import default_seed, train
from host.train.session import TrainingSession
from sim.golden.accelerator import execute_run
from sim.golden.merkle import snapshot_root
from sim.rtl.chip import Chip

CYCLES = 300_000_000
FREQUENT = 2**64 // 300
"""A random snapshot every 300 ticks: several in a run."""

DIGEST = bytes(range(1, 33))


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with Chip(seed=11, cycle_limit=CYCLES, spi_cycles=4) as chip, Device.open(chip.port, timeout=60) as device:
        yield device


def stated(device: Device, seq: int) -> Statement:
    return parse(device.statement(seq), f"statement {seq}")


def test_an_epoch_of_digits_is_the_golden_models(device: Device) -> None:
    """The whole memory after ten steps, by its root; and snapshots that cost nothing."""
    workload = Digits(epochs=1)
    seed = default_seed(workload)
    session = TrainingSession(device, workload, seed)
    session.begin(lambda *_: None)
    device.set_trigger_rate(0)
    told = follow(session, Pace(evaluate=9, checkpoint=9), lambda _: None, lambda *_: None)
    *_, last = train(workload, seed)
    snapshot = stated(device, device.snapshot())
    assert snapshot.digest == snapshot_root(last.memory, snapshot.page_size)
    assert (snapshot.steps, snapshot.descriptor, snapshot.macs) == (10, 100, told.macs)
    assert told.macs == 10 * 1_523_712 and 46.5 < told.macs_per_cycle < 47

    # The same run again, twice: the second time with snapshots. It takes exactly as many cycles.
    program = workload.programs_at[0].address
    run, took = Run(workload.programs_at[0].rows, 5), []
    memory = last.memory
    for rate in (0, FREQUENT):
        device.set_trigger_rate(rate)
        before = device.accelerator()
        captures = device.counters().captures
        device.run(program, run)
        after = device.wait_idle(60)
        took.append(after.busy_cycles - before.busy_cycles)
        assert after.stall_cycles == before.stall_cycles
        assert bool(device.counters().captures - captures) == bool(rate)
        memory = execute_run(memory, program, run).memory
    device.set_trigger_rate(0)
    assert took[0] == took[1]
    final = stated(device, device.snapshot())
    assert final.digest == snapshot_root(memory, final.page_size)
    randoms = [stated(device, seq) for seq in range(device.info().first, final.seq)]
    caught = [each for each in randoms if each.cause is Cause.RANDOM and snapshot.descriptor < each.descriptor]
    assert caught and all(each.kind is Kind.SNAPSHOT for each in caught)


def test_a_refused_descriptor_stops_the_chip_s_accelerator(device: Device) -> None:
    free = 120 * 1024
    before = device.counters()
    device.write_memory(free, Descriptor(77, 8).encode())
    device.run(free, Run(1, 3))
    with pytest.raises(AcceleratorStopped, match=f"at {free:#x}: .*opcode"):
        device.wait_idle(10)
    assert device.counters().descriptors == before.descriptors
    with pytest.raises(ChipRefusal) as refusal:
        device.run(free, Run(1))
    assert refusal.value.error is ChipError.STOPPED
    device.clear_accelerator()
    assert device.accelerator().error is AcceleratorError.NONE
    assert device.read_memory(free, 64) == Descriptor(77, 8).encode()


def test_the_host_writes_while_the_chip_runs(device: Device) -> None:
    """In the open window at once, elsewhere when the run is over."""
    workload = Digits(epochs=1)
    program, run = workload.programs_at[0].address, Run(workload.programs_at[0].rows, 40, 120 * 1024, 121 * 1024)
    steps = device.counters().steps
    device.run(program, run)
    device.write_memory(120 * 1024, bytes(range(64)))
    assert device.accelerator().busy and device.counters().steps < steps + 40
    device.write_memory(122 * 1024, bytes(range(64)))
    assert not device.accelerator().busy and device.counters().steps == steps + 40
    assert device.read_memory(122 * 1024, 64) == bytes(range(64)) == device.read_memory(120 * 1024, 64)


def test_counters_over_a_boot(device: Device) -> None:
    """Multiply-accumulates are counted over the chip's life, the others since its boot."""
    before = device.counters()
    assert before.macs and before.steps and before.descriptors
    device.reset()
    after, state = device.counters(), device.accelerator()
    assert (after.macs, after.steps, after.descriptors) == (before.macs, 0, 0)
    assert (state.busy_cycles, state.stall_cycles, state.busy) == (0, 0, False)


def test_a_precommitment_is_signed(device: Device) -> None:
    statement = stated(device, device.precommit(DIGEST))
    assert (statement.kind, statement.digest) == (Kind.PRECOMMIT, DIGEST)
    assert statement.signed_by(device.info().key)
