"""What a plan costs both sides: inspectors, snapshots to explain, stalls, storage, and transcript segments to check.

Formulas are of sections 3.2 and 4 of the paper or follow from them (docs/paper.md). Counts are not rounded unless a
docstring says so; shares are of 1; bytes are bytes, and a year has 365 days.
"""

import math

from .detection import DAYS_PER_YEAR, SECONDS_PER_DAY, round_up
from .errors import PlanError

CHEAP_OVERHEAD = 0.01
"""The overhead that the paper calls far easier to get accepted."""
COSTLY_OVERHEAD = 0.2
"""The overhead that the paper compares it with."""
IAEA_INSPECTORS = 280
"""Of the International Atomic Energy Agency in 2021, as the paper cites it (footnote 5)."""
PAPER_INSPECTIONS_PER_INSPECTOR_YEAR = 1000
DIGEST_BYTES = 32


def inspectors(inspections_per_year: float, per_inspector_year: float) -> int:
    """People needed, rounded up. Raises PlanError unless per_inspector_year is above 0."""
    _check_positive("inspections_per_inspector_year", per_inspector_year)
    return round_up(inspections_per_year / per_inspector_year)


def snapshots_of_run(flop: float, chip_flop_per_day: float, snapshots_per_chip_day: float) -> float:
    """f H/a: snapshots expected over a whole run, on all its chips. Each needs its image and a transcript."""
    return snapshots_per_chip_day * flop / chip_flop_per_day


def stall_share(cluster_chips: float, snapshots_per_chip_day: float, freeze_seconds: float) -> float:
    """N f t/86400: share of time that a cluster stands still, if all N chips wait while one is frozen for t seconds.

    Above 1 the freezes alone would fill more than the day.
    """
    return cluster_chips * snapshots_per_chip_day * freeze_seconds / SECONDS_PER_DAY


def longest_freeze_seconds(share: float, cluster_chips: float, snapshots_per_chip_day: float) -> float:
    """The freeze for which stall_share is `share`. Raises PlanError when chips or snapshots are not above 0."""
    _check_positive("cluster_chips", cluster_chips)
    _check_positive("snapshots_per_chip_day", snapshots_per_chip_day)
    return share * SECONDS_PER_DAY / (cluster_chips * snapshots_per_chip_day)


def bytes_per_chip_year(snapshots_per_chip_day: float, bytes_per_snapshot: float) -> float:
    """Bytes that the snapshots of one chip add up to in a year."""
    return DAYS_PER_YEAR * snapshots_per_chip_day * bytes_per_snapshot


def segment_check(segments: int, forged: int, checked: int) -> float:
    """1 - C(n-q, k)/C(n, k): that checking k of a transcript's n segments, drawn at random, meets one of q forged.

    Raises PlanError unless all are whole, n is 1 or more, and q and k are within 0 and n.
    """
    _check_segments(segments, forged, checked)
    if checked > segments - forged:
        return 1.0
    few, many = sorted((forged, checked))
    return -math.expm1(sum(math.log1p(-many / (segments - taken)) for taken in range(few)))


def segments_to_check(segments: int, forged: int, probability: float) -> int:
    """The fewest segments for which segment_check reaches `probability`.

    Raises PlanError unless 0 < probability <= 1 and at least one segment is forged.
    """
    _check_segments(segments, forged, 0)
    if forged < 1:
        raise PlanError("forged_segments: expected 1 or more, found 0; nothing would be found")
    if not 0 < probability <= 1:
        raise PlanError(f"probability: expected above 0 and at most 1, found {probability:g}; 0.9 would do")
    low, high = 0, segments - forged + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if segment_check(segments, forged, middle) >= probability else (middle, high)
    return high


def _check_segments(segments: int, forged: int, checked: int) -> None:
    if segments < 1:
        raise PlanError(f"transcript_segments: expected 1 or more, found {segments}; 1000 would do")
    for name, value in (("forged_segments", forged), ("checked_segments", checked)):
        if not 0 <= value <= segments:
            raise PlanError(f"{name}: expected 0 to {segments}, the segments of the transcript, found {value}")


def _check_positive(name: str, value: float) -> None:
    if not value > 0 or not math.isfinite(value):
        raise PlanError(f"{name}: expected a finite number above 0, found {value:g}; 1000 would do")
