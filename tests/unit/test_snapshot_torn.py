"""Torn snapshots: the user writes in every cycle of a capture, and the image is still that of the instant."""

import dataclasses

import pytest

from rtl.config import CONFIGS, Config
from tests.unit.snapshot_bench import SnapshotBench

SMALL_PAGES = Config("small_pages", weight_bytes=7 * 256, page_bytes=256)
"""Pages of two blocks: hashing is slower than the words come, so the walk is held up all the time."""


def anywhere(bench, cycle):
    bench.step(bench.random.randrange(bench.words))


def ahead(distance):
    """Writes as far from the walk, which reads word `cycle` in a cycle if nothing holds it up."""

    def write(bench, cycle):
        bench.step(max(0, min(bench.words - 1, cycle + distance)))

    write.__name__ = f"walk_{distance:+}"
    return write


def around(bench, cycle):
    bench.step(max(0, min(bench.words - 1, cycle + bench.random.randrange(-3, 4))))


def one_word(bench, cycle):
    bench.step(bench.words // 3)


def backwards(bench, cycle):
    bench.step((-1 - cycle) % bench.words)


def few_words(bench, cycle):
    bench.step(bench.words - 1 - bench.random.randrange(4))


def reads_and_writes(bench, cycle):
    bench.step(bench.random.choice([None, cycle % bench.words, (cycle * 7) % bench.words]),
               write=bench.random.random() < 0.7)  # fmt: skip


WRITERS = [
    anywhere, around, one_word, backwards, few_words, reads_and_writes, *map(ahead, (-2, -1, 0, 1, 2))
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("config", [CONFIGS["test"], SMALL_PAGES], ids=lambda config: config.name)
def test_no_snapshot_is_torn(config, write):
    """Capture after capture, with memories that spoil whatever a collision of ports leaves undefined."""
    bench = SnapshotBench(config, watched=True)
    for _ in range(3):
        bench.capture(write)
        bench.check_image()


def test_writers_may_change_their_ways_within_a_capture():
    bench = SnapshotBench(SMALL_PAGES, watched=True, seed=2)
    for _ in range(60):
        writers = bench.random.sample(WRITERS, 3)
        bench.capture(lambda bench, cycle, writers=writers: bench.random.choice(writers)(bench, cycle))
        bench.check_image()


@pytest.mark.parametrize("write", [anywhere, around, ahead(0)], ids=lambda write: write.__name__)
def test_full_configuration_captures_at_line_rate(write):
    """Exact: 128 KiB in 16471 cycles from the instant to the root, whatever is written, and no access waits."""
    bench = SnapshotBench(CONFIGS["full"])
    for _ in range(2):
        assert bench.capture(write) == 16471
        assert bench.block.get("capture_cycles") == 16471
        bench.check_image()


@pytest.mark.parametrize(("rounds_per_cycle", "cycles"), [(1, 2610), (2, 2587)])
def test_cycles_from_instant_to_root(rounds_per_cycle, cycles):
    config = dataclasses.replace(CONFIGS["test"], rounds_per_cycle=rounds_per_cycle)
    bench = SnapshotBench(config)
    assert bench.capture(anywhere) == cycles
    bench.check_image()


def test_writes_of_the_instants_own_cycle_are_not_in_the_image():
    bench = SnapshotBench(SMALL_PAGES, watched=True)
    for address in (0, 1, bench.words - 1):
        bench.step(address, request=1, request_cause=2)
        before = list(bench.weights)
        bench.step(address)
        assert bench.expected == before != bench.weights
        bench.follow(lambda bench, cycle: bench.step())
        bench.check_image()
