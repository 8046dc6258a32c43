"""A probability measured by counting worlds, with its interval."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class DetectionEstimate:
    """Share of simulated worlds in which the run was detected.

    probability: detections/worlds. low, high: Wilson's score interval for it at `confidence` (two-sided).
    by_period: share of worlds in which it was detected by the end of monitoring period 1, 2, ...; the last equals
    `probability`.
    """

    probability: float
    low: float
    high: float
    detections: int
    worlds: int
    confidence: float
    by_period: tuple[float, ...]


def wilson_interval(hits: int, trials: int, confidence: float = DEFAULT_CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval (1927) of a binomial proportion, without continuity correction.

    Its ends are exactly 0 when there are no hits and exactly 1 when all are. Raises ValueError unless
    0 <= hits <= trials, trials > 0 and 0 < confidence < 1.
    """
    if not (0 <= hits <= trials and trials > 0):
        raise ValueError(f"{hits} hits in {trials} trials is no proportion")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence!r}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    return (0.0 if hits == 0 else centre - half, 1.0 if hits == trials else centre + half)


def estimate(
    first_detections: npt.NDArray[np.int64], periods: int, confidence: float = DEFAULT_CONFIDENCE
) -> DetectionEstimate:
    """The estimate from each world's first detecting period (1, 2, ... `periods`; 0 where there was none)."""
    worlds = len(first_detections)
    reached = np.cumsum(np.bincount(first_detections, minlength=periods + 1)[1:])
    detections = int(np.count_nonzero(first_detections))
    low, high = wilson_interval(detections, worlds, confidence)
    return DetectionEstimate(
        probability=detections / worlds,
        low=low,
        high=high,
        detections=detections,
        worlds=worlds,
        confidence=confidence,
        by_period=tuple(float(count) / worlds for count in reached),
    )
