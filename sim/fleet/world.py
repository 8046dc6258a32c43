"""One world, chip by chip: a fleet of up to tens of millions of chips over years.

State is four small arrays with an entry for each chip, renewed period by period; nothing is kept by the day. Within a
period: runs that begin take idle chips of their Prover; every chip in service logs snapshots, Poisson distributed,
also when idle or on a compliant run; chips are lost for good; idle chips change hands and keep their logs; then the
Verifier draws chips from all that are still there and reads their logs; runs that ended release their chips. A chip
lost from a run is not replaced.

Chips are dealt into shards of fixed size, each with random numbers of its own, so that any number of threads gives
the same world.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .detection import days_within
from .parameters import FleetError, check_inspections

SHARD_CHIPS = 1 << 18
# Each rule-breaking run has a bit of a chip's evidence, each Prover and each run a number in a byte.
MOST_BREAKING_RUNS = 8
MOST_PROVERS = 256
MOST_RUNS = 255
DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Run:
    """Work of `chips` chips of Prover number `prover` from first_day to last_day. breaks_rule: any snapshot of it
    incriminates."""

    prover: int
    chips: int
    first_day: float
    last_day: float
    breaks_rule: bool = False


@dataclass(frozen=True)
class World:
    """provers: chips that each owns at the start. annual_loss_rate: share of chips lost in a year.
    annual_transfer_rate: share of idle chips that go to another Prover in a year, all alike. inspections_per_period:
    chips drawn from all Provers' together."""

    provers: tuple[int, ...]
    runs: tuple[Run, ...]
    snapshots_per_chip_day: float
    monitoring_days: float
    periods: int
    inspections_per_period: int
    annual_loss_rate: float = 0.0
    annual_transfer_rate: float = 0.0

    @property
    def chips(self) -> int:
        """All Provers' chips at the start."""
        return sum(self.provers)


@dataclass(frozen=True)
class Period:
    """What happened in one period. snapshots: logged in it by all chips. holders: chips there that hold a snapshot of
    a rule-breaking run, at its end. holders_inspected: how many of those were drawn. missed: for each rule-breaking
    run, the probability that the draw would not find it, given what the logs hold."""

    snapshots: int
    losses: int
    transfers: int
    inspected: int
    holders: int
    holders_inspected: int
    missed: tuple[float, ...]


@dataclass(frozen=True)
class History:
    """periods: in order. detected_in: for each rule-breaking run, in the order of World.runs, the first period (1, 2,
    ...) whose inspections found it, or None. chips_by_prover, longest_log: at the end; entries in the longest log."""

    periods: tuple[Period, ...]
    detected_in: tuple[int | None, ...]
    chips_by_prover: tuple[int, ...]
    longest_log: int

    def detection_probability(self, breaking_run: int) -> float:
        """That inspections find the run in a world where its chips log as they did in this one."""
        return 1 - math.prod(period.missed[breaking_run] for period in self.periods)


@dataclass
class _Chips:
    owner: npt.NDArray[np.uint8]
    run: npt.NDArray[np.uint8]  # 0: idle; else its number in World.runs, from 1
    evidence: npt.NDArray[np.uint8]  # a bit for each rule-breaking run
    log: npt.NDArray[np.uint16]  # entries, saturating
    lost: npt.NDArray[np.bool_]


def simulate_world(world: World, seed: int, threads: int = 2) -> History:
    """The world's history. Equal seeds give equal histories, whatever `threads` is.

    Needs about 30 bytes a chip at the peak, which is the draw of the chips to inspect. Raises FleetError when the
    world is not possible: too many Provers or runs, a run that finds too few idle chips, more inspections than chips.
    """
    _check(world)
    total = world.chips
    streams = np.random.SeedSequence(seed).spawn(2 + math.ceil(total / SHARD_CHIPS))
    assigning, drawing = (np.random.default_rng(stream) for stream in streams[:2])
    slices = tuple(_slices(total))
    streams_of_shards = [np.random.default_rng(stream) for stream in streams[2:]]
    chips = _Chips(
        owner=np.repeat(np.arange(len(world.provers), dtype=np.uint8), world.provers),
        run=np.zeros(total, np.uint8),
        evidence=np.zeros(total, np.uint8),
        log=np.zeros(total, np.uint16),
        lost=np.zeros(total, np.bool_),
    )
    breaking = [number for number, run in enumerate(world.runs, 1) if run.breaks_rule]
    detected: list[int | None] = [None] * len(breaking)
    periods = []
    with ThreadPoolExecutor(threads) as pool:
        for number in range(world.periods):
            _begin_runs(world, chips, number, assigning)
            days = [0.0] + [days_within(r.first_day, r.last_day, number, world.monitoring_days) for r in world.runs]
            shares = np.array(days) / world.monitoring_days
            bits = np.zeros(len(shares), np.uint8)
            bits[breaking] = 1 << np.arange(len(breaking), dtype=np.uint8)
            live = partial(_live, world, chips, shares, bits)
            events = list(pool.map(live, slices, streams_of_shards))
            snapshots, losses, transfers = (sum(counts) for counts in zip(*events, strict=True))
            present = np.flatnonzero(~chips.lost).astype(np.uint32)
            draw = min(world.inspections_per_period, len(present))
            drawn = present[drawing.choice(len(present), draw, replace=False, shuffle=False)]
            found = chips.evidence[drawn]
            held = chips.evidence[present]
            for index in range(len(breaking)):
                if detected[index] is None and np.any(found & (1 << index)):
                    detected[index] = number + 1
            periods.append(
                Period(
                    snapshots=snapshots,
                    losses=losses,
                    transfers=transfers,
                    inspected=draw,
                    holders=int(np.count_nonzero(held)),
                    holders_inspected=int(np.count_nonzero(found)),
                    missed=tuple(
                        missed_probability(len(present), int(np.count_nonzero(held & (1 << index))), draw)
                        for index in range(len(breaking))
                    ),
                )
            )
            _end_runs(world, chips, number)
    owners = np.bincount(chips.owner[~chips.lost], minlength=len(world.provers))
    return History(tuple(periods), tuple(detected), tuple(int(count) for count in owners), int(chips.log.max()))


def missed_probability(chips: int, holders: int, drawn: int) -> float:
    """That `drawn` chips drawn without replacement include no holder: C(chips - holders, drawn)/C(chips, drawn)."""
    if holders == 0 or drawn == 0:
        return 1.0
    if holders + drawn > chips:
        return 0.0
    return math.exp(
        math.lgamma(chips - holders + 1)
        - math.lgamma(chips - holders - drawn + 1)
        - math.lgamma(chips + 1)
        + math.lgamma(chips - drawn + 1)
    )


def _check(world: World) -> None:
    breaking = sum(run.breaks_rule for run in world.runs)
    for what, count, most in (
        ("Provers", len(world.provers), MOST_PROVERS),
        ("runs", len(world.runs), MOST_RUNS),
        ("rule-breaking runs", breaking, MOST_BREAKING_RUNS),
    ):
        if count > most:
            raise FleetError(f"{count} {what} are too many: {most} would do")
    if not world.provers or min(world.provers) < 0 or not 0 < world.chips < 2**32:
        raise FleetError(
            f"a world needs Provers with chips, below 2^32 of them, not {world.provers!r}: (1000,) would do"
        )
    if world.periods < 1 or world.monitoring_days <= 0 or world.snapshots_per_chip_day < 0:
        raise FleetError(
            f"periods {world.periods}, monitoring_days {world.monitoring_days!r} and snapshots_per_chip_day "
            f"{world.snapshots_per_chip_day!r} must be 1 or more, above 0, and 0 or more: 12, 30, 0.1 would do"
        )
    if not (0 <= world.annual_loss_rate < 1 and 0 <= world.annual_transfer_rate < 1):
        raise FleetError(
            f"annual_loss_rate {world.annual_loss_rate!r} and annual_transfer_rate {world.annual_transfer_rate!r} "
            "must be from 0 to below 1: 0.01 and 0.05 would do"
        )
    if world.annual_transfer_rate and len(world.provers) < 2:
        raise FleetError("a single Prover has nobody to transfer chips to: annual_transfer_rate of 0 would do")
    for run in world.runs:
        if not (0 <= run.prover < len(world.provers) and run.chips >= 1 and 0 <= run.first_day < run.last_day):
            raise FleetError(
                f"{run} needs a Prover of the world, a chip, and a last_day after first_day, both 0 or more"
            )
    check_inspections(world.inspections_per_period, world.chips)


def _slices(total: int) -> Iterator[slice]:
    bounds = [*range(0, total, SHARD_CHIPS), total]
    return (slice(first, last) for first, last in pairwise(bounds))


def _begin_runs(world: World, chips: _Chips, period: int, rng: np.random.Generator) -> None:
    """Gives each run that begins in the period idle chips of its Prover, drawn at random."""
    start = period * world.monitoring_days
    for number, run in enumerate(world.runs, 1):
        if start <= run.first_day < start + world.monitoring_days:
            idle = np.flatnonzero((chips.owner == run.prover) & (chips.run == 0) & ~chips.lost)
            if len(idle) < run.chips:
                raise FleetError(
                    f"run {number} takes {run.chips} chips from day {run.first_day:g} and Prover {run.prover} has "
                    f"{len(idle)} idle: {len(idle)} would do"
                )
            chips.run[rng.choice(idle, run.chips, replace=False, shuffle=False)] = number


def _end_runs(world: World, chips: _Chips, period: int) -> None:
    """Releases the chips of runs that ended within the period."""
    end = (period + 1) * world.monitoring_days
    over = [number for number, run in enumerate(world.runs, 1) if end - world.monitoring_days < run.last_day <= end]
    if over:
        chips.run[np.isin(chips.run, over)] = 0


def _rate_in_period(world: World, annual: float) -> float:
    return -math.expm1(math.log1p(-annual) * world.monitoring_days / DAYS_PER_YEAR)


def _live(
    world: World,
    chips: _Chips,
    shares: npt.NDArray[np.float64],
    bits: npt.NDArray[np.uint8],
    shard: slice,
    rng: np.random.Generator,
) -> tuple[int, int, int]:
    """One period of one shard: snapshots logged, chips lost, chips transferred; returns how many of each.

    shares, bits: for each run number, the part of the period in which it works, and its bit of evidence.
    """
    owner, run, evidence, log, lost = (
        array[shard] for array in (chips.owner, chips.run, chips.evidence, chips.log, chips.lost)
    )
    size = len(run)
    # Independent Poisson counts are a Poisson total dealt out evenly: cheaper than a Poisson draw for each chip.
    mean = world.snapshots_per_chip_day * world.monitoring_days
    dealt = rng.integers(0, size, rng.poisson(mean * size), dtype=np.uint32)
    snapshots = np.bincount(dealt, minlength=size).astype(np.uint16)
    snapshots[lost] = 0
    np.minimum(log, np.iinfo(np.uint16).max - snapshots, out=log)
    log += snapshots
    # Only snapshots that fall into a run's own days are of the run.
    working = np.flatnonzero(bits[run])
    of_run = rng.binomial(snapshots[working], shares[run[working]]) > 0
    evidence[working] |= np.where(of_run, bits[run[working]], np.uint8(0))
    losses = 0
    if world.annual_loss_rate:
        now = ~lost & (rng.random(size, dtype=np.float32) < _rate_in_period(world, world.annual_loss_rate))
        losses = int(np.count_nonzero(now))
        lost |= now
        run[now] = 0
    transfers = 0
    if world.annual_transfer_rate:
        rate = _rate_in_period(world, world.annual_transfer_rate)
        moving = np.flatnonzero((run == 0) & ~lost & (rng.random(size, dtype=np.float32) < rate))
        transfers = len(moving)
        step = rng.integers(1, len(world.provers), transfers)
        owner[moving] = (owner[moving] + step) % len(world.provers)
    return int(snapshots.sum()), losses, transfers
