"""SnapshotEngine: triggers, boundary and its bound, hold, causes, counters, resets."""

import pytest

from formats.statement import Cause
from rtl.config import Config
from tests.unit.snapshot_bench import SnapshotBench

TIMEOUT = 20
CONFIG = Config("triggers", weight_bytes=3 * 256, page_bytes=256, boundary_timeout=TIMEOUT)


@pytest.fixture
def bench():
    return SnapshotBench(CONFIG)


def idle(bench, cycle):
    bench.step()


def outputs(bench, *names):
    return tuple(bench.block.get(name) for name in names)


def cycles_to_instant(bench, limit=200):
    return bench.block.step_until("instant", limit=limit)


@pytest.mark.parametrize("cause", [Cause.HOST, Cause.CHALLENGE])
def test_request_at_a_boundary_starts_in_the_next_cycle(bench, cause):
    assert outputs(bench, "pending", "instant", "capturing", "done") == (0, 0, 0, 0)
    bench.step(request=1, request_cause=cause)
    assert outputs(bench, "pending", "instant", "capturing", "done") == (1, 1, 0, 0)
    bench.step()
    assert outputs(bench, "pending", "instant", "capturing", "done", "cause") == (0, 0, 1, 0, cause)
    bench.follow(idle)
    assert outputs(bench, "pending", "instant", "capturing", "done", "cause") == (0, 0, 0, 1, cause)
    bench.check_image()


def test_random_trigger_starts_in_the_next_cycle(bench):
    bench.step(random=1)
    assert outputs(bench, "pending", "instant") == (1, 1)
    bench.follow(idle)
    assert outputs(bench, "cause") == (Cause.RANDOM,)
    bench.check_image()


def test_root_stays_until_the_next_instant(bench):
    bench.capture(idle)
    root = bench.block.get("root")
    for _ in range(100):
        bench.step(5)
        assert outputs(bench, "done", "root") == (1, root)
    bench.step(request=1, request_cause=Cause.HOST)
    assert outputs(bench, "instant", "done", "root") == (1, 1, root)
    bench.step()
    assert outputs(bench, "done") == (0,)
    bench.follow(idle)
    assert outputs(bench, "root") != (root,)
    bench.check_image()


@pytest.mark.parametrize("wait", [0, 1, TIMEOUT - 1, TIMEOUT])
def test_capture_waits_for_the_boundary(bench, wait):
    bench.block.set("boundary", 0)
    bench.step(request=1, request_cause=Cause.HOST)
    for _ in range(wait):
        assert outputs(bench, "pending", "instant") == (1, 0)
        bench.step(3)
    bench.step(boundary=1)
    bench.block.set("boundary", 0)
    assert outputs(bench, "capturing", "cause") == (1, Cause.HOST)
    bench.follow(idle)
    bench.check_image()


@pytest.mark.parametrize(
    ("trigger", "cause"),
    [
        ({"random": 1}, Cause.RANDOM_FORCED),
        ({"request": 1, "request_cause": Cause.HOST}, Cause.HOST_FORCED),
        ({"request": 1, "request_cause": Cause.CHALLENGE}, Cause.CHALLENGE_FORCED),
    ],
)
def test_capture_is_forced_after_the_bound(bench, trigger, cause):
    """Exact: the instant is boundary_timeout cycles later than a boundary would have allowed."""
    bench.block.set("boundary", 0)
    for _ in range(2):
        bench.step(**trigger)
        assert cycles_to_instant(bench) == TIMEOUT
        bench.step(7)
        assert outputs(bench, "capturing", "cause") == (1, cause)
        bench.follow(lambda bench, cycle: bench.step(cycle % bench.words))
        bench.check_image()


def test_nothing_starts_while_held_and_the_wait_begins_after_it(bench):
    bench.block.set_all({"hold": 1, "boundary": 0})
    bench.step(random=1)
    for _ in range(3 * TIMEOUT):
        assert outputs(bench, "pending", "instant", "capturing") == (1, 0, 0)
        bench.step(boundary=1)
    bench.block.set("hold", 0)
    assert cycles_to_instant(bench) == TIMEOUT
    bench.block.set("hold", 1)
    assert outputs(bench, "instant") == (0,)
    bench.block.set_all({"hold": 0, "boundary": 1})
    assert outputs(bench, "instant") == (1,)
    bench.step()
    bench.follow(idle)
    assert outputs(bench, "cause") == (Cause.RANDOM,)
    bench.check_image()


def test_hold_does_not_stop_a_capture(bench):
    bench.step(request=1, request_cause=Cause.HOST)
    bench.step()
    bench.block.set("hold", 1)
    bench.follow(idle)
    bench.check_image()


def test_no_trigger_is_lost(bench):
    """Both kinds together; again in the cycle in which the latch is taken; again during the captures."""
    bench.block.set("hold", 1)
    bench.step(random=1, request=1, request_cause=Cause.CHALLENGE)
    bench.step(random=1, request=1, request_cause=Cause.HOST)
    causes = []
    for again in ({"random": 1}, {"request": 1, "request_cause": Cause.HOST}, {}, {}):
        bench.block.set("hold", 0)
        assert outputs(bench, "instant") == (1,)
        bench.step(**again)
        bench.block.set("hold", 1)
        bench.follow(idle)
        bench.check_image()
        causes.append(bench.block.get("cause"))
    assert causes == [Cause.RANDOM, Cause.CHALLENGE, Cause.RANDOM, Cause.HOST]
    assert outputs(bench, "pending") == (0,)


def test_no_rate_of_the_random_trigger_keeps_a_request_from_its_turn(bench):
    bench.block.set("random", 1)
    bench.step(request=1, request_cause=Cause.CHALLENGE)
    causes = []
    for _ in range(3):
        bench.block.set("hold", 0)
        assert outputs(bench, "instant") == (1,)
        bench.step(random=1)
        bench.block.set("hold", 1)
        bench.follow(lambda bench, cycle: bench.step(random=1))
        causes.append(bench.block.get("cause"))
    assert causes == [Cause.RANDOM, Cause.CHALLENGE, Cause.RANDOM]


def test_a_trigger_in_a_capture_starts_the_next_one_with_the_first_ones_root(bench):
    bench.step(request=1, request_cause=Cause.HOST)
    bench.step()
    bench.step(random=1)
    bench.follow(idle)
    assert outputs(bench, "done", "pending", "instant") == (1, 1, 1)
    root = bench.block.get("root")
    bench.step()
    assert outputs(bench, "capturing", "done") == (1, 0)
    bench.follow(idle)
    assert outputs(bench, "root", "cause") == (root, Cause.RANDOM)
    bench.check_image()


def test_counters(bench):
    """`capture_cycles` is exact from the first cycle of `done`; `captures` counts in that cycle."""
    for captures in range(3):
        cycles = bench.capture(idle)
        assert outputs(bench, "captures", "capture_cycles") == (captures, cycles)
        bench.step(4)
        assert outputs(bench, "captures", "capture_cycles", "stall_cycles") == (captures + 1, cycles, 0)


@pytest.mark.parametrize("cycle", [0, 1, 40, 95, 96, 130])
def test_a_reset_in_a_capture_leaves_no_trace(bench, cycle):
    """Old words are saved at the end of the memory, then a reset comes; the next image is of its own instant."""
    bench.step(request=1, request_cause=Cause.HOST)
    for step in range(cycle):
        bench.step(bench.words - 1 - step % 4)
    bench.block.reset()
    assert outputs(bench, "clearing", "capturing", "done", "captures", "cause") == (1, 0, 0, 0, 0)
    bench.step(request=1, request_cause=Cause.CHALLENGE)
    assert cycles_to_instant(bench) == bench.words - 1
    bench.follow(lambda bench, step: bench.step(step % bench.words))
    bench.check_image()


def test_shadow_memory_is_zero_after_a_reset(bench):
    bench.capture(idle)
    bench.block.reset()
    assert bench.block.step_until("clearing", 0, limit=1000) == bench.words
    bench.block.step()
    image = bench.block.run({"image__addr": [*range(bench.words), 0]}, ["image__data"])["image__data"]
    assert image[1:] == [0] * bench.words


@pytest.mark.parametrize(("weight_bytes", "page_bytes"), [(1000, 256), (4096, 100)])
def test_sizes_that_do_not_divide_are_refused(weight_bytes, page_bytes):
    with pytest.raises(ValueError, match="a page is a whole number"):
        Config("uneven", weight_bytes=weight_bytes, page_bytes=page_bytes)
