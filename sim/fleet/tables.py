"""What the commands print, as Markdown tables."""

from collections.abc import Sequence
from dataclasses import replace

from .closed_form import equation_one
from .detection import simulate_detection
from .estimate import DetectionEstimate
from .parameters import FleetParameters
from .scale import ScaleResult
from .settings import REFERENCE, TWENTY_SETTINGS, Setting
from .strategies import STRATEGIES
from .strategies.report_lost import false_alarm_probability
from .sweep import Task, sweep


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table without padding."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def interval(estimate: DetectionEstimate) -> str:
    """The estimate's ends, as "0.908-0.912"."""
    return f"{estimate.low:.4f}-{estimate.high:.4f}"


def comparison(settings: Sequence[Setting] = TWENTY_SETTINGS, worlds: int = 100_000, seed: int = 1) -> str:
    """Equation 1 beside the simulation, with inspections drawn as equation 1 supposes (the same chip may be drawn
    twice) and as they are (no chip twice in a period); the last columns are how much more than promised is
    detected."""
    rows = []
    for number, setting in enumerate(settings):
        parameters, drawn = setting.parameters, setting.inspections_per_period
        promised = equation_one(parameters, drawn)
        repeating = simulate_detection(parameters, drawn, worlds, seed + 2 * number, with_replacement=True)
        found = simulate_detection(parameters, drawn, worlds, seed + 2 * number + 1)
        rows.append(
            [
                setting.name,
                f"{setting.chips_involved:,}",
                f"{parameters.chips_owned:,.0f}",
                f"{drawn:,}",
                f"{promised:.4f}",
                f"{repeating.probability:.4f}",
                f"{found.probability:.4f}",
                interval(found),
                f"{found.probability - promised:+.4f}",
                f"{found.low - promised:+.4f} to {found.high - promised:+.4f}",
                "yes" if found.high >= promised else "NO",
            ]
        )
    header = ["setting", "n", "C", "s", "equation 1", "repeats", "simulated", "95 %", "more", "95 %", "holds"]
    return markdown(header, rows)


def strategies(setting: Setting = REFERENCE, worlds: int = 100_000, seed: int = 1) -> str:
    """Every case of every strategy beside the honest baseline."""
    parameters, drawn = setting.parameters, setting.inspections_per_period
    baseline = simulate_detection(parameters, drawn, worlds, seed)
    rows = [["", "honest run", "", f"{baseline.probability:.4f}", interval(baseline), ""]]
    for strategy in STRATEGIES:
        for case in strategy.cases:
            seed += 1
            found = case.simulate(parameters, drawn, worlds, seed)
            rows.append(
                [
                    strategy.evasion,
                    case.label,
                    "yes" if case.countered else "no",
                    f"{found.probability:.4f}",
                    interval(found),
                    f"{found.probability - baseline.probability:+.4f}",
                ]
            )
    return markdown(["", "the Prover", "countered", "detected", "95 %", "against honest"], rows)


def false_alarms(setting: Setting = REFERENCE, worlds: int = 100_000, seed: int = 1) -> str:
    """How often an honest Prover that loses 1 % of its chips a year is investigated during run_days, by threshold."""
    rows = []
    for window, threshold in ((1, 15), (1, 20), (1, 25), (12, 110), (12, 130), (12, 150)):
        alarmed = false_alarm_probability(
            setting.parameters, worlds, seed, investigation_threshold=threshold, window_periods=window
        )
        rows.append([f"{threshold}", f"{window}", f"{alarmed.probability:.4f}", interval(alarmed)])
    return markdown(["losses above", "in periods", "honest Prover investigated", "95 %"], rows)


def sweep_table(
    parameters: FleetParameters,
    quantity: str,
    values: Sequence[float],
    inspections_per_period: int,
    worlds: int,
    seed: int,
    scheduler: str | None,
) -> str:
    """Equation 1 beside the simulation while one quantity of `parameters`, or inspections_per_period, takes
    `values`."""
    tasks = []
    for number, value in enumerate(values):
        if quantity == "inspections_per_period":
            tasks.append(Task(parameters, int(value), worlds, seed + number))
        else:
            tasks.append(
                Task(replace(parameters, **{quantity: value}), inspections_per_period, worlds, seed + number),
            )
    found = sweep(tasks, scheduler)
    rows = [
        [
            f"{value:g}",
            f"{equation_one(task.parameters, task.inspections_per_period):.4f}",
            f"{estimate.probability:.4f}",
            interval(estimate),
        ]
        for value, task, estimate in zip(values, tasks, found, strict=True)
    ]
    return markdown([quantity, "equation 1", "simulated", "95 %"], rows)


def scale_report(result: ScaleResult) -> str:
    """What a large world did, and what simulating it took."""
    history, world = result.history, result.world
    total = {
        name: sum(getattr(period, name) for period in history.periods)
        for name in ("snapshots", "losses", "transfers", "inspected", "holders_inspected")
    }
    detected = history.detected_in[0]
    return "\n".join(
        [
            f"{world.chips:,} chips of {len(world.provers)} Provers, {len(world.runs)} runs, {world.periods} periods "
            f"of {world.monitoring_days:g} days, {world.inspections_per_period:,} inspections each",
            f"snapshots {total['snapshots']:,}, losses {total['losses']:,}, transfers {total['transfers']:,}, "
            f"inspections {total['inspected']:,}, longest log {history.longest_log} entries",
            f"rule-breaking run of {world.runs[0].chips:,} chips: "
            + (f"detected in period {detected}" if detected else "not detected")
            + f", {total['holders_inspected']} inspected chips held a snapshot of it",
            f"probability of detection given these logs {history.detection_probability(0):.4f}, equation 1 "
            f"{result.promised:.4f}",
            f"{result.seconds:.1f} s, peak memory {result.peak_bytes / 2**20:,.0f} MiB",
        ]
    )
