"""Ingest against the golden digest: what it writes, what it folds, and what it refuses."""

import random

import pytest

from formats.descriptor import Run
from formats.records import Record, RecordKind
from rtl.config import CONFIGS
from rtl.io.ingest import Ingest
from sim.golden.ingest import NO_INPUTS, inputs_digest
from tests.unit.csr_bus import CsrBus
from tests.unit.with_sponge import WithSponge

CONFIG = CONFIGS["test"]


class IngestUnderTest(CsrBus):
    """Ingest with a memory that takes writes now and then."""

    def __init__(self, seed: int):
        super().__init__(WithSponge(Ingest(CONFIG)), name="ingest", cycle_limit=1_000_000)
        self.stalls = random.Random(seed)
        self.memory = bytearray(CONFIG.weight_bytes)
        self.trace: list[tuple[int, int]] = []
        self.block.set("enable", 1)

    def cycle(self) -> None:
        block = self.block
        block.set("write_ready", self.stalls.random() < 0.6)
        if block.get("write_valid") and block.get("write_ready"):
            at = 8 * block.get("write_addr")
            self.memory[at : at + 8] = block.get("write_data").to_bytes(8, "little")
            self.trace.append((block.get("records"), block.get("words")))
        block.step()

    def push(self, half: int, write: bool = True) -> str:
        """One access to the data window; returns "ack" or "err"."""
        self.block.set_all(
            {
                "data_bus__cyc": 1,
                "data_bus__stb": 1,
                "data_bus__we": write,
                "data_bus__sel": 15,
                "data_bus__dat_w": half,
            }
        )
        for _ in range(2000):
            self.cycle()
            for outcome in ("ack", "err"):
                if self.block.get(f"data_bus__{outcome}"):
                    self.block.set_all({"data_bus__cyc": 0, "data_bus__stb": 0})
                    for _ in range(1 + self.stalls.randrange(3)):
                        self.cycle()
                    return outcome
        raise AssertionError("the data window did not answer")

    def start(self, kind: int, address: int, length: int) -> bool:
        """Begins a record; returns whether it was accepted."""
        self.write("kind", kind)
        self.write("address", address)
        self.write("length", length)
        self.write("start", 1)
        status = self.read("status")
        assert (status & 1) != (status >> 1 & 1)
        return bool(status & 1)

    def finish(self) -> None:
        for _ in range(3000):
            if not self.read("status") & 1:
                return
            self.cycle()
        raise AssertionError("the record did not end")

    def take(self, record: Record) -> None:
        assert self.start(record.kind, record.address, len(record.payload))
        for at in range(0, len(record.payload), 4):
            assert self.push(int.from_bytes(record.payload[at : at + 4], "little")) == "ack"
        self.finish()

    @property
    def inputs(self) -> bytes:
        return self.block.get("inputs").to_bytes(32, "little")


def random_record(source: random.Random) -> Record:
    if source.random() < 0.2:
        return Record(RecordKind.TRIGGER_RATE, 0, source.randbytes(8))
    words = source.choice([1, 2, 20, 21, 22, 41, 42, 43, 64])
    address = 8 * source.randrange(CONFIG.weight_words - words + 1)
    return Record(RecordKind.WRITE, address, source.randbytes(8 * words))


@pytest.mark.parametrize("seed", range(4))
def test_records_reach_memory_and_digest(seed):
    ingest = IngestUnderTest(seed)
    assert ingest.inputs == NO_INPUTS
    source, records, memory = random.Random(100 + seed), [], bytearray(CONFIG.weight_bytes)
    rate = CONFIG.trigger_rate
    for _ in range(12):
        record = random_record(source)
        ingest.take(record)
        records.append(record)
        if record.kind is RecordKind.WRITE:
            memory[record.address : record.address + len(record.payload)] = record.payload
        else:
            rate = int.from_bytes(record.payload, "little")
        assert ingest.inputs == inputs_digest(records)
        assert ingest.read("records", 8) == len(records)
        assert ingest.read("words") == 0
        assert ingest.block.get("rate") == rate
    assert ingest.memory == memory


def test_position_counts_words_that_have_taken_effect():
    ingest = IngestUnderTest(7)
    ingest.take(Record(RecordKind.WRITE, 0, bytes(8)))
    record = Record(RecordKind.WRITE, 64, bytes(range(40)))
    assert ingest.start(record.kind, record.address, len(record.payload))
    before = ingest.inputs
    for index, at in enumerate(range(0, 32, 4)):
        ingest.push(int.from_bytes(record.payload[at : at + 4], "little"))
        for _ in range(40):
            ingest.cycle()
        assert (ingest.block.get("records"), ingest.block.get("words")) == (1, (index + 1) // 2)
        assert ingest.inputs == before
    # Each word was written while the position named it as the next.
    assert ingest.trace[1:] == [(1, word) for word in range(4)]


@pytest.mark.parametrize(
    ("kind", "address", "length"),
    [
        (RecordKind.WRITE, 0, 0),
        (RecordKind.WRITE, 0, 4),
        (RecordKind.WRITE, 4, 8),
        (RecordKind.WRITE, 0, 9),
        (RecordKind.WRITE, CONFIG.weight_bytes, 8),
        (RecordKind.WRITE, CONFIG.weight_bytes - 8, 16),
        (RecordKind.WRITE, 0xFFFFFFF8, 16),
        (RecordKind.WRITE, 8, 0xFFFFFFF8),
        (RecordKind.TRIGGER_RATE, 8, 8),
        (RecordKind.TRIGGER_RATE, 0, 16),
        (0, 0, 8),
        (3, 0, 8),
        (255, 0, 8),
    ],
)
def test_malformed_records_change_nothing(kind, address, length):
    ingest = IngestUnderTest(1)
    assert not ingest.start(kind, address, length)
    assert ingest.push(0x12345678) == "err"
    assert ingest.inputs == NO_INPUTS and not any(ingest.memory)
    assert (ingest.block.get("records"), ingest.block.get("words")) == (0, 0)
    assert ingest.block.get("rate") == CONFIG.trigger_rate
    ingest.take(Record(RecordKind.WRITE, 0, b"12345678"))
    assert ingest.memory[:8] == b"12345678"


def test_nothing_starts_before_the_memory_is_cleared_or_while_a_record_is_active():
    ingest = IngestUnderTest(2)
    ingest.block.set("enable", 0)
    assert not ingest.start(RecordKind.WRITE, 0, 8)
    ingest.block.set("enable", 1)
    assert ingest.start(RecordKind.WRITE, 16, 8)
    # A second description and start are ignored; the active record goes on.
    ingest.write("address", 800)
    ingest.write("length", 80)
    ingest.write("start", 1)
    ingest.push(0x11111111)
    ingest.push(0x22222222)
    ingest.finish()
    assert ingest.inputs == inputs_digest([Record(RecordKind.WRITE, 16, bytes.fromhex("1111111122222222"))])


def test_surplus_data_and_reads_are_refused():
    ingest = IngestUnderTest(3)
    assert ingest.start(RecordKind.WRITE, 0, 8)
    assert ingest.push(1, write=False) == "err"
    assert ingest.push(1) == "ack"
    assert ingest.push(2) == "ack"
    assert ingest.push(3) == "err"
    ingest.finish()
    assert ingest.push(4) == "err"
    assert ingest.inputs == inputs_digest([Record(RecordKind.WRITE, 0, bytes([1, 0, 0, 0, 2, 0, 0, 0]))])


DATA_WRITE = {"data_bus__cyc": 1, "data_bus__stb": 1, "data_bus__we": 1, "data_bus__sel": 15}


@pytest.mark.parametrize(("words", "cycles"), ((1, 521), (2, 529), (20, 673), (21, 830), (22, 838)))
def test_a_record_takes_as_long_as_its_hashes(words, cycles):
    """With the sponge free, and the next half word on offer at once: from the first one to the count of records."""
    ingest = IngestUnderTest(8)
    block = ingest.block
    assert ingest.start(RecordKind.WRITE, 0, 8 * words)
    block.set_all({**DATA_WRITE, "write_ready": 1})
    begun, acknowledged = block.cycles, 0
    while not block.get("records"):
        block.step()
        acknowledged += block.get("data_bus__ack")
        if acknowledged == 2 * words:
            block.set_all({"data_bus__cyc": 0, "data_bus__stb": 0})
    assert block.cycles - begun == cycles


RUN = Run(3, 5, 4096, 8192)


def run_record(run: Run = RUN, address: int = 64) -> Record:
    return Record(RecordKind.RUN, address, run.encode())


def started(ingest: IngestUnderTest) -> dict[str, int]:
    names = ("address", "count", "iterations", "open_begin", "open_end")
    return {name: ingest.block.get(f"run__{name}") for name in names}


def test_a_run_starts_when_its_record_completes():
    ingest, starts = IngestUnderTest(11), []
    record = run_record()
    assert ingest.start(record.kind, record.address, len(record.payload))
    for at in range(0, len(record.payload), 4):
        assert ingest.push(int.from_bytes(record.payload[at : at + 4], "little")) == "ack"
    for _ in range(3000):
        starts.append((ingest.block.get("run__start"), ingest.block.get("records")))
        ingest.cycle()
    assert [at for at in starts if at[0]] == [(1, 0)], "in the cycle before the count of records changes"
    assert started(ingest) == {"address": 64, "count": 3, "iterations": 5, "open_begin": 4096, "open_end": 8192}
    assert ingest.inputs == inputs_digest([run_record()])
    ingest.take(Record(RecordKind.WRITE, 0, bytes(8)))
    assert started(ingest)["address"] == 64, "held while other records come in"


def waits(ingest: IngestUnderTest, record: Record) -> bool:
    """What the status says before a record is begun, and while it is held back."""
    ingest.write("kind", record.kind)
    ingest.write("address", record.address)
    ingest.write("length", len(record.payload))
    return bool(ingest.read("status") >> 2 & 1)


@pytest.mark.parametrize(
    "record, expected",
    (
        (Record(RecordKind.WRITE, 4096, bytes(16)), False),
        (Record(RecordKind.WRITE, 8176, bytes(16)), False),
        (Record(RecordKind.WRITE, 4088, bytes(16)), True),
        (Record(RecordKind.WRITE, 8184, bytes(16)), True),
        (Record(RecordKind.WRITE, 0, bytes(8)), True),
        (Record(RecordKind.TRIGGER_RATE, 0, bytes(8)), False),
        (run_record(), True),
    ),
)
def test_what_waits_for_a_run(record, expected):
    ingest = IngestUnderTest(12)
    ingest.take(run_record())
    assert not waits(ingest, record)
    ingest.block.set("running", 1)
    assert waits(ingest, record) is expected
    if not expected:
        ingest.take(record)
        assert ingest.inputs == inputs_digest([run_record(), record])
        return
    assert ingest.start(record.kind, record.address, len(record.payload))
    ingest.block.set_all({"data_bus__cyc": 1, "data_bus__stb": 1, "data_bus__we": 1, "data_bus__sel": 15})
    ingest.block.set("data_bus__dat_w", int.from_bytes(record.payload[:4], "little"))
    for _ in range(500):
        ingest.cycle()
        assert not ingest.block.get("data_bus__ack") and not ingest.block.get("data_bus__err")
    assert not ingest.trace, "nothing was written while the run went on"
    ingest.block.set_all({"data_bus__cyc": 0, "data_bus__stb": 0, "running": 0})
    for at in range(0, len(record.payload), 4):
        assert ingest.push(int.from_bytes(record.payload[at : at + 4], "little")) == "ack"
    ingest.finish()
    assert ingest.inputs == inputs_digest([run_record(), record])


def test_no_run_begins_while_the_accelerator_is_stopped():
    ingest = IngestUnderTest(13)
    ingest.block.set("stopped", 1)
    assert not ingest.start(RecordKind.RUN, 64, 16)
    ingest.take(Record(RecordKind.WRITE, 0, bytes(8)))
    ingest.block.set_all({"stopped": 0, "running": 1})
    assert ingest.start(RecordKind.RUN, 64, 16)
    ingest.block.set_all({"stopped": 1, "running": 0})
    for _ in range(4):
        ingest.cycle()
    assert ingest.read("status") & 3 == 2, "rejected when the run that it waited for had stopped"
    assert ingest.push(0) == "err"
    assert ingest.read("records", 8) == 1 and ingest.inputs == inputs_digest([Record(RecordKind.WRITE, 0, bytes(8))])


@pytest.mark.parametrize("length", (8, 24, 12))
def test_malformed_runs_are_rejected(length):
    ingest = IngestUnderTest(14)
    assert not ingest.start(RecordKind.RUN, 64, length)
    assert not ingest.start(RecordKind.RUN, 60, 16)
