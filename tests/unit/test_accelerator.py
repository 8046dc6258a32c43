"""The accelerator against the golden model: runs of random programs, on whole memory images."""

import random
from dataclasses import replace
from functools import cache

import pytest

from formats.descriptor import DESCRIPTOR_BYTES, AcceleratorError, Descriptor, Flag, Opcode, Operand, Run
from rtl.accel.accelerator import Accelerator
from rtl.accel.sequencer import OVERHEAD_CYCLES
from rtl.config import CONFIGS
from sim.golden.accelerator import Outcome, execute_run
from sim.golden.operands import padded, refusal
from sim.rtl.block import VerilatedBlock
from tests.unit.weight_port import MemoryModel

CONFIG = CONFIGS["test"]
SIZE = CONFIG.weight_bytes
PROGRAM = SIZE - 1024
"""Programs lie at the end of memory, operands below."""

GEMM = Descriptor(Opcode.GEMM, 8, 8, 8, a=Operand(0, 8), b=Operand(512, 8), c=Operand(1024, 8))


@cache
def unit() -> VerilatedBlock:
    return VerilatedBlock(Accelerator(CONFIG), cycle_limit=10**8)


class Machine:
    """An accelerator since its reset, with a memory behind it."""

    def __init__(self, image: bytes, stall: float = 0.0):
        self.block = unit()
        self.block.reset()
        self.memory = MemoryModel(self.block, image, stall=stall, seed=4)
        self.macs = self.busy = 0
        self.images: list[bytes] = []
        """Memory whenever a descriptor was completed."""

    def step(self) -> None:
        self.macs += self.block.get("macs")
        self.busy += self.block.get("busy")
        before = self.block.get("descriptors")
        self.memory.step()
        if self.block.get("descriptors") != before:
            assert self.block.get("boundary")
            self.images.append(bytes(self.memory.image))

    def run(self, address: int, run: Run, limit: int = 300_000) -> Outcome:
        """What the run did, in the golden model's terms."""
        block, before = self.block, self.block.get("descriptors")
        macs, steps = self.macs, block.get("steps")
        block.set_all({
            "run__start": 1, "run__address": address, "run__count": run.count, "run__iterations": run.iterations,
            "run__open_begin": run.open_begin, "run__open_end": run.open_end,
        })  # fmt: skip
        self.step()
        block.set("run__start", 0)
        for _ in range(limit):
            if not block.get("busy"):
                break
            self.step()
        else:
            raise AssertionError(f"busy after {limit} cycles")
        assert block.get("stopped") == (block.get("error") != 0)
        return Outcome(
            bytes(self.memory.image),
            block.get("descriptors") - before,
            block.get("steps") - steps,
            self.macs - macs,
            AcceleratorError(block.get("error")),
            block.get("error_address"),
        )


def placed(source: random.Random, used: list[tuple[int, int]], rows: int, row_bytes: int, unit_: int = 8) -> Operand:
    """A free place for a matrix below the program, noted in `used`."""
    stride = row_bytes + (8 * source.randrange(3) if unit_ == 8 else source.randrange(3))
    length = (rows - 1) * stride + row_bytes
    for _ in range(1000):
        begin = source.randrange(0, PROGRAM - length) // unit_ * unit_
        if all(begin + length <= low or high <= begin for low, high in used):
            used.append((begin, begin + length))
            return Operand(begin, stride)
    raise AssertionError("no room")


def random_descriptor(source: random.Random) -> Descriptor:
    """One that is not refused."""
    used: list[tuple[int, int]] = []
    mark = Flag.MARK if source.random() < 0.3 else 0
    match source.choice(list(Opcode)):
        case Opcode.GEMM:
            m, n, k = (8 * source.randint(1, 4) for _ in range(3))
            flags = Flag(source.randrange(4)) | source.choice(
                (0, Flag.ADD, Flag.ADD | Flag.RELU, Flag.MASK, Flag.WIDE, Flag.UPDATE, Flag.UPDATE | Flag.MOMENTUM)
            )
            width = 2 if flags & Flag.UPDATE else 1
            return Descriptor(
                Opcode.GEMM, m, n, k, 0, flags | mark, source.randint(4, 12), 3, 2,
                placed(source, used, *((k, m) if flags & Flag.TRANSPOSE_A else (m, k))),
                placed(source, used, *((n, k) if flags & Flag.TRANSPOSE_B else (k, n))),
                placed(source, used, m, 4 * n if flags & Flag.WIDE else n),
                placed(source, used, m, n * width), placed(source, used, m, n * width),
            )  # fmt: skip
        case Opcode.GATHER:
            m, group, n, k = (
                source.randint(1, 6),
                source.randint(1, 4),
                16 * source.randint(1, 3),
                source.randint(1, 40),
            )
            flags = source.choice((0, Flag.NIBBLES))
            return Descriptor(
                Opcode.GATHER, m, n, k, group, flags | mark,
                a=placed(source, used, k, n, 1), b=placed(source, used, m + 6, group, 1),
                c=placed(source, used, m * group, n), advance=source.randrange(group + 1),
            )  # fmt: skip
        case _:
            m, n = source.randint(1, 12), source.randint(1, 30)
            a = placed(source, used, m, padded(n))
            return Descriptor(
                Opcode.LOSS, m, n, flags=mark, shift=source.randint(0, 4), a=a, b=placed(source, used, m, 1, 1),
                c=source.choice((a, placed(source, used, m, padded(n)))), d=placed(source, used, 1, 16),
            )  # fmt: skip


def program(source: random.Random, count: int) -> list[Descriptor]:
    return [random_descriptor(source) for _ in range(count)]


def image_with(descriptors: list[Descriptor], source: random.Random, address: int = PROGRAM) -> bytes:
    image = bytearray(source.randbytes(SIZE))
    code = b"".join(descriptor.encode() for descriptor in descriptors)
    image[address : address + len(code)] = code
    return bytes(image)


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    """Equal to the golden model at every descriptor; counters too. Half of them with a memory that stalls."""
    source = random.Random(seed)
    descriptors = program(source, 6)
    image, run = image_with(descriptors, source), Run(6, source.randint(1, 3))
    machine = Machine(image, stall=0.3 * (seed % 2))
    outcome = machine.run(PROGRAM, run)
    assert outcome == execute_run(image, PROGRAM, run)
    assert outcome.error is AcceleratorError.NONE
    for done, found in enumerate(machine.images, start=1):
        assert found == execute_run(image, PROGRAM, run, done).memory
    assert machine.block.get("busy_cycles") == machine.busy
    assert bool(machine.block.get("stall_cycles")) == bool(machine.memory.stall)


def test_a_program_may_change_itself():
    """A descriptor is fetched when the one before is completed."""
    source = random.Random(1)
    change = Descriptor(
        Opcode.GATHER, 1, DESCRIPTOR_BYTES, 1, 1, a=Operand(0, 64), b=Operand(128), c=Operand(PROGRAM + 64, 64)
    )
    image = bytearray(image_with([change, program(source, 1)[0]], source))
    later = Descriptor(
        Opcode.GEMM, 8, 8, 8, a=Operand(256, 8), b=Operand(512, 8), c=Operand(1024, 8), flags=Flag.MARK
    )
    image[:DESCRIPTOR_BYTES] = later.encode()
    outcome = Machine(bytes(image)).run(PROGRAM, Run(2))
    assert outcome == execute_run(bytes(image), PROGRAM, Run(2))
    assert (outcome.steps, outcome.macs) == (1, 512)


@pytest.mark.parametrize("run", (Run(0), Run(3, 0), Run(0, 70_000)))
def test_a_run_of_nothing_is_over_at_once(run):
    image = image_with([], random.Random(2))
    machine = Machine(image)
    assert machine.run(PROGRAM, run) == execute_run(image, PROGRAM, run) == Outcome(image, 0, 0, 0)


@pytest.mark.parametrize(
    "address, run",
    (
        (PROGRAM + 4, Run(1)),
        (SIZE - 56, Run(1)),
        (2**32 - 64, Run(2)),
        (PROGRAM, Run(1, 65536)),
        (PROGRAM, Run(1, 1, PROGRAM, PROGRAM + 1)),
        (PROGRAM, Run(2, 1, PROGRAM + 127, PROGRAM + 128)),
    ),
)
def test_descriptors_that_cannot_be_fetched(address, run):
    image = image_with(
        [GEMM] * 2,
        random.Random(3),
    )
    machine = Machine(image)
    outcome = machine.run(address, run)
    assert outcome == execute_run(image, address, run)
    assert outcome.error is AcceleratorError.PROGRAM


REFUSED = {
    "unknown opcode": (Descriptor(77, 8, 8, 8), AcceleratorError.OPCODE),
    "flags that exclude each other": (replace(GEMM, flags=Flag.WIDE | Flag.RELU), AcceleratorError.FLAGS),
    "zero shape": (replace(GEMM, m=0), AcceleratorError.SHAPE),
    "oversized shape": (replace(GEMM, k=264), AcceleratorError.SHAPE),
    "misaligned": (replace(GEMM, b=Operand(513, 8)), AcceleratorError.ALIGNMENT),
    "reads outside memory": (replace(GEMM, a=Operand(SIZE - 56, 8)), AcceleratorError.BOUNDS),
    "writes outside memory": (replace(GEMM, c=Operand(2**32 - 64, 8)), AcceleratorError.BOUNDS),
    "result over an operand": (replace(GEMM, c=Operand(56, 8)), AcceleratorError.OVERLAP),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_descriptor_stops_the_run_and_touches_nothing(name):
    refused, error = REFUSED[name]
    source = random.Random(5)
    good = program(source, 2)
    image = image_with([*good, refused, good[0]], source)
    machine = Machine(image)
    outcome = machine.run(PROGRAM, Run(4, 5))
    assert outcome == execute_run(image, PROGRAM, Run(4, 5))
    assert (outcome.descriptors, outcome.error, outcome.at) == (2, error, PROGRAM + 128)
    for _ in range(50):
        machine.step()
    assert machine.block.get("stopped") and bytes(machine.memory.image) == outcome.memory
    machine.block.set("clear", 1)
    machine.step()
    machine.block.set("clear", 0)
    assert (machine.block.get("stopped"), machine.block.get("error"), machine.block.get("error_address")) == (0, 0, 0)
    assert machine.run(PROGRAM, Run(1)).error is AcceleratorError.NONE


def test_an_iteration_can_be_refused():
    """The third iteration's indices lie behind memory."""
    gather = Descriptor(
        Opcode.GATHER, 1, 8, 4, 8, a=Operand(0, 8), b=Operand(SIZE - 24), c=Operand(1024, 8), advance=8
    )
    image = image_with([gather], random.Random(6))
    outcome = Machine(image).run(PROGRAM, Run(1, 9))
    assert outcome == execute_run(image, PROGRAM, Run(1, 9))
    assert (outcome.descriptors, outcome.error) == (3, AcceleratorError.BOUNDS)


def test_cycles_between_descriptors_are_exact():
    assert refusal(GEMM, 0, SIZE, Run(1)) is AcceleratorError.NONE
    machine = Machine(image_with([GEMM], random.Random(7)))
    machine.run(PROGRAM, Run(1, 10))
    assert machine.block.get("busy_cycles") == 10 * (49 + OVERHEAD_CYCLES)
    assert machine.block.get("stall_cycles") == 0


def begun(machine: Machine, run: Run) -> None:
    """A run in progress since one cycle."""
    machine.block.set_all({
        "run__start": 1, "run__address": PROGRAM, "run__count": run.count, "run__iterations": run.iterations,
        "run__open_begin": 0, "run__open_end": 0,
    })  # fmt: skip
    machine.step()
    machine.block.set("run__start", 0)


@pytest.mark.parametrize("seed", range(3))
def test_no_descriptor_starts_while_held(seed):
    """A hold at any time: what is in progress ends, nothing else begins, and afterwards the run ends as it would."""
    source = random.Random(300 + seed)
    image, run = image_with(program(source, 4), source), Run(4, 2)
    free = Machine(image)
    assert free.run(PROGRAM, run) == execute_run(image, PROGRAM, run)
    machine = Machine(image)
    block = machine.block
    begun(machine, run)
    holds = 0
    while block.get("busy"):
        machine.step()
        if source.random() >= 0.01:
            continue
        block.set("hold", 1)
        while not block.get("boundary"):
            machine.step()
        before = block.get("descriptors"), block.get("busy"), machine.memory.writes
        for _ in range(200):
            machine.step()
            assert block.get("boundary")
        assert (block.get("descriptors"), block.get("busy"), machine.memory.writes) == before
        block.set("hold", 0)
        holds += 1
    assert holds >= 3
    assert machine.images == free.images and machine.macs == free.macs


def test_a_hold_costs_the_cycles_that_it_lasts_and_no_more():
    """The descriptor is fetched and checked meanwhile."""
    source = random.Random(310)
    image, run = image_with(program(source, 3), source), Run(3, 1)
    free = Machine(image)
    free.run(PROGRAM, run)
    machine = Machine(image)
    block = machine.block
    block.set("hold", 1)
    begun(machine, run)
    for _ in range(500):
        machine.step()
        assert block.get("boundary") and block.get("busy")
    block.set("hold", 0)
    while block.get("busy"):
        machine.step()
    assert machine.busy == free.busy + 500 - OVERHEAD_CYCLES
