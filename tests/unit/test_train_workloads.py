"""Workloads and recipe on the golden model."""

from itertools import pairwise

import numpy as np
import pytest

from formats.descriptor import DESCRIPTOR_BYTES, AcceleratorError, Descriptor
from host.errors import LivetrapError
from host.train.characters import SYMBOLS, Characters, bigram_bits, normalised
from host.train.commitment import commitment_of, workload_of
from host.train.digits import Digits, packed_rows
from host.train.layout import Layout, joined_spans
from host.train.reference import default_seed, initial_memory, train
from host.train.seed import data_digests, initial_weights, order, run_seed
from host.train.statistics import Statistics
from host.train.transcript import canonical_json
from host.train.workload import Workload, nonzero_records
from sim.golden.operands import refusal


@pytest.fixture(scope="module", params=(Digits, Characters))
def workload(request: pytest.FixtureRequest) -> Workload:
    return request.param(epochs=1)


def test_tensors_do_not_overlap(workload: Workload) -> None:
    tensors = sorted(workload.layout.tensors.values(), key=lambda tensor: tensor.address)
    for first, second in pairwise(tensors):
        assert first.end <= second.address and second.address % 8 == 0
    assert tensors[-1].end <= workload.layout.size <= workload.layout.capacity


def test_no_descriptor_is_refused(workload: Workload) -> None:
    planned = next(iter(workload.runs(bytes(32))))
    for _, program in workload.programs(1):
        for at in range(0, len(program), DESCRIPTOR_BYTES):
            descriptor = Descriptor.decode(program[at : at + DESCRIPTOR_BYTES])
            for iteration in range(planned.steps):
                reason = refusal(descriptor, iteration, workload.layout.capacity, type(planned.run)(1))
                assert reason is AcceleratorError.NONE


def test_lists_are_written_where_the_run_before_leaves_memory_open(workload: Workload) -> None:
    before = None
    for planned in workload.runs(bytes(32)):
        for address, data in planned.writes:
            assert before is None or before.run.leaves_open(address, address + len(data))
        before = planned


def test_state_is_restored_bit_for_bit(workload: Workload) -> None:
    trained = next(train(workload, default_seed(workload)))
    tensors = workload.state_tensors(trained.memory)
    image = np.zeros(workload.layout.capacity, np.uint8)
    for address, data in workload.state_records(tensors):
        image[address : address + len(data)] = np.frombuffer(data, np.uint8)
    assert all(
        np.array_equal(tensors[name], value) for name, value in workload.state_tensors(image.tobytes()).items()
    )
    with pytest.raises(ValueError, match="no tensor"):
        workload.state_records({})


def test_a_commitment_names_its_workload(workload: Workload) -> None:
    digests = data_digests(workload.examples[:50], bytes(32))
    commitment = commitment_of(workload, bytes(range(32)), bytes(32), digests)
    again, seed = workload_of(commitment)
    assert again.name == workload.name and again.hyperparameters == workload.hyperparameters
    assert seed == bytes(range(32))
    assert canonical_json(commitment_of(again, seed, bytes(32), digests)) == canonical_json(commitment)
    commitment["model"]["code"] = "00" * 32
    with pytest.raises(LivetrapError, match="another version"):
        workload_of(commitment)


def test_digits_on_the_golden_model() -> None:
    """Exact, since nothing in it is random: the same on every machine."""
    workload = Digits(epochs=5)
    *_, last = train(workload, default_seed(workload))
    assert workload.evaluate(np.frombuffer(last.memory, np.uint8)) == {"accuracy": 429 / 450}
    assert last.statistics.rows == 50 * 128
    assert (last.statistics.loss, last.statistics.correct) == (96080, 5110)


def test_characters_beat_the_bigram_table() -> None:
    workload = Characters(epochs=1)
    *_, last = train(workload, default_seed(workload))
    scores = workload.evaluate(np.frombuffer(last.memory, np.uint8))
    assert f"{scores['bits_per_character']:.4f}" == "3.4370"
    assert scores["bits_per_character"] < scores["bigram"] - 0.2


def test_characters_are_normalised() -> None:
    text = normalised("A  b\n\tC12;;(d)..  --x")
    assert "".join(SYMBOLS[symbol] for symbol in text) == "a b c0*d*. -x"
    assert bigram_bits(text, text) < 5


def test_pixels_are_packed_low_nibble_first() -> None:
    row = packed_rows(np.array([[1, 2] + [0] * 62], np.uint8), np.array([7], np.uint8))
    assert (row[0, 0], row[0, 32], row.shape) == (0x21, 7, (1, 33))


def test_one_example_changes_everything() -> None:
    examples = [bytes([index]) * 8 for index in range(20)]
    digests = data_digests(examples, bytes(32))
    changed = data_digests([*examples[:-1], b"other"], bytes(32))
    assert digests[:-1] == changed[:-1] and len(set(digests)) == 20
    seeds = [run_seed(digests, bytes(32)), run_seed(changed, bytes(32)), run_seed(digests, bytes([1] * 32))]
    assert len(set(seeds)) == 3
    weights = [initial_weights(seed, "first", 8, 8, 200).tobytes() for seed in seeds]
    orders = [order(seed, "epoch 1", 100).tolist() for seed in seeds]
    assert len(set(weights)) == 3 and len(set(map(tuple, orders))) == 3
    assert all(sorted(each) == list(range(100)) for each in orders)


def test_what_a_seed_gives() -> None:
    """Fixed, so that another implementation can be compared."""
    seed = run_seed(data_digests([b"a", b"b"], bytes(32)), bytes(32))
    assert seed.hex() == SEED
    assert order(seed, "order of epoch 1", 8).tolist() == ORDER
    assert initial_weights(seed, "first.master", 1, 4, 260).tolist() == [WEIGHTS]


SEED = "0631236257179c73ef71a5755bf1b5742d5c948deeb3eedd83a887e5d9216b1f"
ORDER = [6, 2, 4, 5, 7, 0, 3, 1]
WEIGHTS = [-4908, 3461, 1202, -3527]


def test_weights_are_nearly_normal() -> None:
    weights = initial_weights(bytes(32), "first", 100, 100, 260).astype(float)
    assert abs(weights.mean()) < 60 and abs(weights.std() - 147.8 * 260 / 16) < 60


def test_layouts_refuse_what_does_not_fit() -> None:
    layout = Layout(64)
    layout.place("a", 2, 8)
    assert joined_spans([layout["a"], layout.place("b", 1, 3, "int16")]) == [(0, 24)]
    with pytest.raises(LivetrapError, match="c does not fit"):
        layout.place("c", 8, 8)
    with pytest.raises(ValueError, match="two tensors"):
        layout.place("a", 1, 1)


def test_zeros_are_not_loaded() -> None:
    image = np.zeros(10_000, np.uint8)
    image[3000], image[9999] = 1, 2
    records = nonzero_records(image)
    assert [(address, len(data)) for address, data in records] == [(2048, 1024), (9216, 784)]
    assert initial_memory(Digits(epochs=1), bytes(32)).count(0) < 128 * 1024


def test_statistics_wrap_around() -> None:
    late, early = Statistics(5, 3, 2), Statistics(2**64 - 3, 2**32 - 1, 2**32 - 2)
    assert late.since(early) == Statistics(8, 4, 4)
    assert (late.since(early).bits, late.since(early).accuracy) == (0.125, 1.0)
