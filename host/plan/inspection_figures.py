"""What a plan says about the run and the inspections: how many, how soon, what a budget catches, several Provers.

Each function makes one section; each raises Infeasible and PlanError as the functions of `detection` do.
"""

from . import burden, detection, strategies
from .detection import DAYS_PER_YEAR, Scenario
from .figures import Figure, Section, or_reason
from .fleet import Fleet


def run(fleet: Fleet) -> Section:
    """The run to catch: its FLOP, what is promised of it, and the chips it takes."""
    scenario = fleet.scenario
    chips = detection.chips_involved(scenario)
    return Section(
        "run",
        "The run to catch",
        (
            Figure("flop_threshold", scenario.flop_threshold, "FLOP", "planned for: H", fleet.run),
            Figure(
                "flop_guaranteed",
                strategies.guaranteed_flop(scenario.flop_threshold),
                "FLOP",
                "promised for: runs of 2 H or more",
                "the first H might pass as an allowed run; any snapshot of the second H is incriminating",
            ),
            Figure("chips_involved", chips, "chips", f"that work on it for {scenario.run_days:g} days", fleet.chip),
            Figure("share_involved", detection.share_involved(scenario), "share", "of all chips owned"),
            Figure(
                "snapshots",
                burden.snapshots_of_run(
                    scenario.flop_threshold, scenario.chip_flop_per_day, scenario.snapshots_per_chip_day
                ),
                "snapshots",
                "that the run logs, each to be explained by a transcript",
            ),
        ),
        "a single chip can do this run in less than run_days; the bound still holds" if chips < 1 else "",
    )


def inspections(fleet: Fleet, needed: int) -> Section:
    """Inspections that catch the run. needed: whole inspections in each monitoring period."""
    scenario = fleet.scenario
    per_year = detection.inspections_per_year(scenario)
    return Section(
        "inspections",
        f"Inspections that catch it with probability {scenario.detection_probability:g}",
        (
            Figure(
                "per_period",
                needed,
                "inspections",
                f"of randomly drawn chips every {scenario.monitoring_days:g} days",
            ),
            Figure(
                "per_year_scheduled",
                needed * DAYS_PER_YEAR / scenario.monitoring_days,
                "inspections",
                "in a year, at whole numbers per period",
            ),
            Figure(
                "per_year",
                detection.round_up(per_year),
                "inspections",
                "in a year by equation 1, as in the paper's Table 1",
            ),
            Figure(
                "share_of_stockpile",
                per_year / scenario.chips_owned,
                "share",
                "of the chips owned, inspected in a year",
            ),
            Figure(
                "hit_probability",
                detection.hit_probability(scenario),
                "share",
                "chance that one inspection finds the run",
            ),
            Figure(
                "detection",
                detection.probability_of_detection(scenario, needed),
                "share",
                "detection with these inspections, at least",
            ),
            Figure(
                "inspectors",
                burden.inspectors(per_year, fleet.inspections_per_inspector_year),
                "inspectors",
                f"at {fleet.inspections_per_inspector_year:g} chips each a year",
                f"the IAEA had {burden.IAEA_INSPECTORS} in 2021",
            ),
        ),
    )


def how_soon(scenario: Scenario, per_period: float) -> Section:
    """When the run is caught with `per_period` inspections in each monitoring period."""
    half = or_reason(
        lambda: detection.probability_of_detection(strategies.before_completion(scenario, 0.5), per_period)
    )
    return Section(
        "how_soon",
        "How soon, with these inspections all through the run",
        (
            *_days(scenario, per_period),
            Figure("half_run_detection", half[0], "share", "caught by half-time", half[1]),
        ),
        "to catch a run of X FLOP before it ends, plan for a fraction of X in the same fraction of the days",
    )


def _days(scenario: Scenario, per_period: float) -> tuple[Figure, ...]:
    after = f"after the end of the run of {scenario.run_days:g} days"
    figures = []
    for name, probability, words in (("median_days", 0.5, "even odds"), ("ninety_percent_days", 0.9, "90 %")):
        day = detection.days_until_caught(scenario, per_period, probability)
        figures.append(Figure(name, day, "days", f"until caught with {words}", "" if day is not None else after))
    mean = detection.mean_days_until_caught(scenario, per_period)
    note = "" if mean is not None else "nothing is inspected"
    return (*figures, Figure("mean_days", mean, "days", "on average, if caught before the end", note))


def budget(scenario: Scenario, per_year: float) -> Section:
    """What `per_year` inspections a year catch. Raises as detection.probability_of_detection does."""
    per_period = per_year * scenario.monitoring_days / DAYS_PER_YEAR
    smallest = or_reason(lambda: detection.smallest_caught_flop(scenario, per_period))
    doubled = None if smallest[0] is None else strategies.guaranteed_flop(smallest[0])
    return Section(
        "budget",
        f"With a budget of {per_year:,.0f} inspections a year",
        (
            Figure("per_period", per_period, "inspections", f"every {scenario.monitoring_days:g} days"),
            Figure(
                "detection",
                detection.probability_of_detection(scenario, per_period),
                "share",
                "detection of this run, at least",
            ),
            Figure(
                "smallest_caught_flop",
                smallest[0],
                "FLOP",
                f"the smallest H caught with probability {scenario.detection_probability:g}",
                smallest[1],
            ),
            Figure("smallest_guaranteed_flop", doubled, "FLOP", "promised from there on: 2 H", smallest[1]),
            *_days(scenario, per_period),
        ),
    )


def provers(fleet: Fleet) -> Section:
    """Inspections per period for several Provers, each apart and all as one."""
    compared = strategies.compare_stockpiles(fleet.scenario, fleet.stockpiles)
    return Section(
        "provers",
        "Several Provers: inspections per period",
        (
            *(
                Figure(
                    f"apart.{one.name}",
                    needed if needed is None else detection.round_up(needed),
                    "inspections",
                    f"of {one.name}'s {one.chips:,.0f} chips, if nobody lends any",
                    "it cannot do the run alone" if needed is None else "",
                )
                for one, needed in compared.apart
            ),
            Figure("apart_total", detection.round_up(compared.apart_total), "inspections", "of all, each apart"),
            Figure("together", detection.round_up(compared.together), "inspections", "of all as one stockpile"),
            Figure(
                "lent_detection",
                compared.lent_detection,
                "share",
                "if inspected apart and all lend chips in proportion",
            ),
            Figure(
                "worst_lent_detection",
                compared.worst_lent_detection,
                "share",
                "if inspected apart and the least inspected lend first",
            ),
        ),
        "Provers may lend each other chips: plan for one stockpile unless that is excluded",
    )
