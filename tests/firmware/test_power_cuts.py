"""Power that is cut in the middle of any program or erase: what was acknowledged is there, once and in order."""

import itertools
import random
from collections.abc import Callable

import pytest

from formats.flash import JOURNAL_OFFSET, LOG_OFFSET, SECTOR_BYTES, JournalRecord
from tests.firmware.flash_bed import (
    SECTOR_STATEMENTS,
    WAYS,
    History,
    Operation,
    carry_out,
    check,
    cut,
    fresh,
    headers,
    initialise,
    power_on,
    put,
    status,
    truncated,
    u64,
)
from tests.firmware.host_build import HostChip

SAVE: Operation = ("u", b"")
RESTORE: Operation = ("o", b"")
SEEDS = [1, 3]
ALL_SEEDS = range(3 * WAYS)
Verify = Callable[[int], None]


def truncate(seq: int) -> list[Operation]:
    return [truncated(seq), ("t", u64(seq))]


def cut_everywhere(bed: HostChip, operations: list[Operation], seeds: list[int], verify: Verify) -> int:
    """Carries out the operations from the present flash on, with a cut in each of their programs and erases.

    seeds: of the ways in which each is torn. verify: looks at what is left, given how many were acknowledged.
    Returns the number of cuts.
    """
    bed.batch([SAVE])
    for count in itertools.count(1):
        for seed in seeds:
            begin = [
                RESTORE,
                power_on(),
                cut(count, (count * 7919 + seed // WAYS) * WAYS + seed % WAYS),
                initialise(),
            ]
            answers = bed.batch([*begin, *operations])[len(begin) :]
            done = answers.index(None) if None in answers else len(answers)
            assert answers[:done] == [b"\1"] * done
            if done == len(answers):
                assert seed == seeds[0]
                return (count - 1) * len(seeds)
            verify(done)
    raise AssertionError


def log_survives(bed: HostChip, start: History, operations: list[Operation], end: History, kept: int = 0) -> Verify:
    """That the log, which the operations take from `start` to `end`, holds all that was acknowledged, and what was
    cut whole or not at all; and that it then goes on and holds all of that too."""

    def verify(done: int) -> None:
        names = [name for name, _ in operations[: done + 1]]
        interrupted = names.pop()
        statements = len(start.statements) + names.count("a")
        events = len(start.events) + names.count("e")
        truncations = [data[8:16] for name, data in operations[: done + 1] if name == "j"]
        limit = max([kept, *(int.from_bytes(seq, "little") for seq in truncations)])
        found = status(bed)
        statements += interrupted == "a" and found.next > statements
        events += interrupted == "e" and found.events > events
        now = end.shortened(statements, events, seed=1)
        check(bed, found, now, kept=limit)
        carry_out(bed, [*now.grow(2), *now.note(), *now.grow(SECTOR_STATEMENTS)])
        check(bed, status(bed), now, kept=limit)

    return verify


def appends_on_blank_flash(bed: HostChip, seeds: list[int]) -> int:
    fresh(bed)
    history = History()
    operations = [*history.grow(2), *history.note(2), *history.grow(6), *history.note(), *history.grow(9)]
    return cut_everywhere(bed, operations, seeds, log_survives(bed, History(), operations, history))


def appends_around_the_ring(bed: HostChip, seeds: list[int]) -> int:
    """The sectors that are erased held statements before."""
    fresh(bed)
    history = History()
    carry_out(bed, [*history.grow(70), *truncate(66), *history.grow(35)])
    start = history.shortened(len(history.statements))
    operations = history.grow(2 * SECTOR_STATEMENTS + 2)
    return cut_everywhere(bed, operations, seeds, log_survives(bed, start, operations, history, kept=66))


def truncations(bed: HostChip, seeds: list[int]) -> int:
    fresh(bed)
    history = History()
    carry_out(bed, history.grow(85))
    start = history.shortened(85)
    operations = [
        *truncate(30),
        *history.grow(8),
        *truncate(33),
        *truncate(len(history.statements)),
        *history.grow(8),
    ]
    return cut_everywhere(bed, operations, seeds, log_survives(bed, start, operations, history))


def sectors_begun_again(bed: HostChip, seeds: list[int]) -> int:
    """Power was cut before, in a sector's first record."""
    fresh(bed)
    history = History()
    carry_out(bed, history.grow(SECTOR_STATEMENTS))
    start = history.shortened(SECTOR_STATEMENTS, seed=5)
    torn = bed.batch([power_on(), cut(5, 2), initialise(), *history.grow(1)])
    assert torn[-1] is None
    history = start.shortened(SECTOR_STATEMENTS)
    operations = history.grow(SECTOR_STATEMENTS)
    return cut_everywhere(bed, operations, seeds, log_survives(bed, start, operations, history))


CAMPAIGNS = [appends_on_blank_flash, appends_around_the_ring, truncations, sectors_begun_again]


def journal_puts(bed: HostChip, seeds: list[int]) -> int:
    """Puts of all types, over more sectors than the journal has."""
    fresh(bed)
    random_bytes = random.Random(8)
    sizes = {1: 120, 2: 1024, 3: 8, 4: 40, 5: 8, 6: 4}
    types = [1, 2, 3, 4, 5, 6, *[random_bytes.choice([2, 2, 3, 4, 5, 6]) for _ in range(36)]]
    operations = [put(kind, random_bytes.randbytes(sizes[kind])) for kind in types]

    def verify(done: int) -> None:
        found = bed.batch([power_on(), initialise(), *[("g", u64(kind)) for kind in sizes]])[2:]
        for kind, newest in zip(sizes, found, strict=True):
            acknowledged = [b"", *(data[8:] for _, data in operations[:done] if data[:8] == u64(kind))]
            interrupted = [data[8:] for _, data in operations[done : done + 1] if data[:8] == u64(kind)]
            assert newest in [acknowledged[-1], *interrupted]
        # It goes on with the others' newest values, to the next sector and the one behind it.
        expected = dict(zip(sizes, found, strict=True))
        expected[2] = random_bytes.randbytes(1000)
        carry_out(bed, [put(2, random_bytes.randbytes(1024)) for _ in range(5)] + [put(2, expected[2])])
        again = bed.batch([power_on(), initialise(), *[("g", u64(kind)) for kind in sizes]])[2:]
        assert again == list(expected.values())

    return cut_everywhere(bed, operations, seeds, verify)


CAMPAIGNS.append(journal_puts)


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_cut_in_any_program_or_erase(driver, campaign):
    assert campaign(driver, SEEDS) > 60


@pytest.mark.slow
@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_cut_in_any_program_or_erase_in_many_ways(driver, campaign):
    assert campaign(driver, list(ALL_SEEDS)) > 450


def live_through_cuts(bed: HostChip, seed: int, cuts: int) -> None:
    """Cut after cut, a few operations apart, some before the log is over the last; truncated when it is full."""
    fresh(bed)
    choice = random.Random(seed)
    history, kept, used = History(seed), 0, set()
    for number in range(cuts):
        candidate = history.shortened(len(history.statements), len(history.events), seed << 16 | number)
        operations: list[Operation] = []
        while len(operations) < 6:
            operations += choice.choice([candidate.grow, candidate.grow, candidate.note])(1)
        if choice.random() < 0.3 or status(bed).full:
            operations[:0] = truncate(max(kept, len(history.statements) - choice.randrange(12)))
        begin = [power_on(), cut(choice.randrange(1, 30), choice.randrange(1 << 30)), initialise()]
        answers = bed.batch([*begin, *operations])[len(begin) :]
        done = answers.index(None) if None in answers else len(answers)
        assert answers[:done] == [b"\1"] * done
        for name, data in operations[: done + 1]:
            kept = int.from_bytes(data[:8], "little") if name == "t" else kept
        names = [name for name, _ in operations[: done + 1]]
        acknowledged = names[:done]
        found = status(bed)
        statements = len(history.statements) + acknowledged.count("a")
        events = len(history.events) + acknowledged.count("e")
        if done < len(answers) and names[done] == "a":
            statements += found.next > statements
        elif done < len(answers) and names[done] == "e" and found.events:
            (last,) = bed.batch([("v", u64(found.events - 1))])
            events += last == candidate.events[events]
        history = candidate.shortened(statements, events)
        journal = bed.batch([("g", u64(JournalRecord.TRUNCATED))])[0]
        kept = max(kept, int.from_bytes(journal[:8], "little"))
        check(bed, found, history, kept=max(kept, 1))
        present = [sequence for sequence in headers(bed) if sequence is not None]
        assert len(set(present)) == len(present)
        used.update(present)
    assert len(history.statements) > cuts // 2
    assert max(used) >= len(history.statements) // SECTOR_STATEMENTS


@pytest.mark.parametrize("seed", range(4))
def test_cut_after_cut(driver, seed):
    live_through_cuts(driver, seed, 120)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 40))
def test_cut_after_cut_for_long(driver, seed):
    live_through_cuts(driver, seed, 1000)


@pytest.mark.parametrize("where", [LOG_OFFSET, JOURNAL_OFFSET])
@pytest.mark.parametrize("count", range(1, 5))
@pytest.mark.parametrize("way", range(WAYS))
def test_nothing_is_programmed_where_power_was_cut(driver, where, count, way):
    """Neither over a record that is partly there, nor behind it; of four programs `count` is the one that is torn."""
    fresh(driver)
    history = History()
    carry_out(driver, [*history.grow(3), put(1, bytes(range(120)))])
    is_log = where == LOG_OFFSET
    appends = [history.shortened(3, seed=seed).grow(1)[0] for seed in (1, 2)]
    first, second = appends if is_log else [put(1, bytes([seed]) * 512) for seed in (1, 2)]
    assert driver.batch([power_on(), cut(count, way), initialise(), first])[-1] is None
    torn = driver.flash(where, SECTOR_BYTES)
    driver.batch([power_on(), initialise()])
    is_whole, is_free = (count, way) == (4, 0), (count, way) == (1, 1)
    if not (is_log and is_whole):
        carry_out(driver, [second])
    assert (driver.flash(where, SECTOR_BYTES) == torn) == (not is_free and not (is_whole and not is_log))


def test_recovery_writes_nothing(driver):
    """So that power loss in it changes nothing."""
    fresh(driver)
    history = History()
    carry_out(driver, [*history.grow(30), *truncate(12), *history.note(), *history.grow(9)])
    counts = driver.batch([power_on(), initialise(), ("n", b"")])[2]
    assert counts[8:] == bytes(16)
