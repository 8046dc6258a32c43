"""What a Prover may try against random inspection, one strategy a file, each measured by pure functions."""

from . import lend, report_lost, shorten, sites, stop_early, stretch, substitute, untracked, withhold
from .strategy import Case, Strategy

STRATEGIES: tuple[Strategy, ...] = (
    substitute.STRATEGY,
    withhold.STRATEGY,
    stretch.STRATEGY,
    shorten.STRATEGY,
    lend.STRATEGY,
    stop_early.STRATEGY,
    sites.STRATEGY,
    untracked.STRATEGY,
    report_lost.STRATEGY,
)

__all__ = ["STRATEGIES", "Case", "Strategy"]
