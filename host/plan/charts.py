"""One HTML file with everything a plan says: four plots and all tables, nothing to fetch. Needs the extra `plan`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from . import burden, detection, paper
from .answer import Answer
from .errors import PlanError
from .presets import MODELS
from .scenario_file import INSTALL
from .words import power, readable

FREEZE_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
CLUSTER_CHIPS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


@dataclass(frozen=True)
class Simulated:
    """Detection in a simulated world beside equation 1. low and high: of the interval around `simulated`."""

    inspections_per_period: int
    formula: float
    simulated: float
    low: float
    high: float


def page(answer: Answer, simulated: Sequence[Simulated] = ()) -> str:
    """The whole HTML document. Raises PlanError when plotly is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise PlanError(INSTALL) from error
    plots = (detection_plot(answer, simulated), sensitivity_plot(answer), overhead_plot(answer), table_1_plot())
    divisions = "\n".join(
        plot.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True})
        for plot in plots
    )
    name = escape(answer.fleet.name)
    return _PAGE.format(
        name=name, summary=escape(answer.summary), library=get_plotlyjs(), plots=divisions, tables=_tables(answer)
    )


def detection_plot(answer: Answer, simulated: Sequence[Simulated] = ()) -> Any:
    """Detection against inspections per period: equation 1, the plan, the budget, the simulation."""
    scenario = answer.fleet.scenario
    needed = detection.inspections_per_period(scenario)
    top = max([3 * needed, *(1.1 * one.inspections_per_period for one in simulated)])
    steps = [top * step / 120 for step in range(121)]
    plot = _figure(
        "Detection against inspections", f"inspections every {scenario.monitoring_days:g} days", "probability"
    )
    caught = [detection.probability_of_detection(scenario, step) for step in steps]
    plot.add_scatter(x=steps, y=caught, name="equation 1 (lower bound)", mode="lines")
    plan = readable(answer["inspections.per_period"])
    _point(plot, answer["inspections.per_period"].value, answer["inspections.detection"].value, f"this plan: {plan}")
    if answer.fleet.budget is not None:
        _point(plot, answer["budget.per_period"].value, answer["budget.detection"].value, "the budget")
    if simulated:
        plot.add_scatter(
            x=[one.inspections_per_period for one in simulated],
            y=[one.simulated for one in simulated],
            error_y={
                "type": "data",
                "array": [one.high - one.simulated for one in simulated],
                "arrayminus": [one.simulated - one.low for one in simulated],
            },
            name="simulated, with 95 % interval",
            mode="lines+markers",
        )
    plot.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return plot


def sensitivity_plot(answer: Answer) -> Any:
    """Inspections per year against the snapshot rate."""
    plot = _figure("Sensitivity to the snapshot rate f", "snapshots per chip and day", "inspections per year")
    rates, needed = zip(*answer.sensitivity, strict=True)
    plot.add_scatter(x=rates, y=needed, name="equation 1", mode="lines+markers")
    rate = answer.fleet.scenario.snapshots_per_chip_day
    _point(plot, rate, dict(answer.sensitivity)[rate], "this plan")
    plot.update_xaxes(type="log")
    plot.update_yaxes(rangemode="tozero")
    return plot


def overhead_plot(answer: Answer) -> Any:
    """Stall of a synchronised cluster against its size, for several freezes."""
    fleet = answer.fleet
    rate = fleet.scenario.snapshots_per_chip_day
    sizes = sorted({*CLUSTER_CHIPS, fleet.cluster_chips})
    title = f"Time a synchronised cluster stands still, at {rate:g} snapshots per chip and day"
    plot = _figure(title, "chips that wait for each other", "share of time")
    for freeze in sorted({*FREEZE_SECONDS, fleet.freeze_seconds} - {0}):
        shares = [burden.stall_share(size, rate, freeze) for size in sizes]
        plot.add_scatter(x=sizes, y=shares, name=f"frozen for {freeze:g} s", mode="lines+markers")
    for line in (burden.CHEAP_OVERHEAD, burden.COSTLY_OVERHEAD):
        name = f"the paper's {line:.0%}"
        plot.add_scatter(x=[sizes[0], sizes[-1]], y=[line] * 2, name=name, mode="lines", line={"dash": "dot"})
    plot.update_xaxes(type="log")
    plot.update_yaxes(type="log", tickformat=".3~%")
    return plot


def table_1_plot() -> Any:
    """The paper's Table 1 as a heat map, computed here, each cell with its number as printed."""
    owned = ("1,000", "100,000", "10 million")
    runs = [f"{model.title}, {power(model.flop)} FLOP" for model in MODELS.values()]
    cells = [[paper.table_1_cell(model, chips) for chips in paper.TABLE_1_CHIPS] for model in MODELS]
    plot = _figure("Inspections per year: the paper's Table 1", "chips the Prover owns", "")
    plot.add_heatmap(
        x=owned,
        y=runs,
        z=[[None if cell is None else math.log10(cell) for cell in row] for row in cells],
        text=[[paper.as_printed(cell) for cell in row] for row in cells],
        texttemplate="%{text}",
        hovertemplate="%{y}<br>%{x} chips: %{text}<extra></extra>",
        colorscale="YlOrRd",
        colorbar={
            "title": "a year",
            "tickvals": list(range(1, 7)),
            "ticktext": [f"{10**tens:,}" for tens in range(1, 7)],
        },
    )
    for run, row in zip(runs, cells, strict=True):
        for chips, cell in zip(owned, row, strict=True):
            if cell is None:
                plot.add_annotation(x=chips, y=run, text="too few chips", showarrow=False)
    plot.update_xaxes(type="category")
    plot.update_yaxes(autorange="reversed")
    return plot


def simulation_points(answer: Answer, count: int = 8) -> list[int]:
    """Inspections per period at which to simulate: up to twice what the plan needs, whole numbers, at least 1
    and at most all chips."""
    needed = detection.whole_inspections_per_period(answer.fleet.scenario)
    most = int(answer.fleet.scenario.chips_owned)
    return sorted({min(most, max(1, round(2 * needed * step / count))) for step in range(1, count + 1)})


def _figure(title: str, x: str, y: str) -> Any:
    import plotly.graph_objects as graphs

    plot = graphs.Figure()
    plot.update_layout(title=title, xaxis_title=x, yaxis_title=y, template="plotly_white", height=460)
    return plot


def _point(plot: Any, x: float | None, y: float | None, name: str) -> None:
    plot.add_scatter(x=[x], y=[y], name=name, mode="markers", marker={"size": 12, "symbol": "diamond"})


def _tables(answer: Answer) -> str:
    parts = []
    for section in answer.sections:
        rows = "\n".join(
            f"<tr><td class=v>{escape(readable(figure))}</td><td>{escape(figure.meaning)}</td>"
            f"<td class=n>{escape(figure.note)}</td></tr>"
            for figure in section.figures
        )
        note = f"<p class=n>{escape(section.note)}</p>" if section.note else ""
        parts.append(f"<h2>{escape(section.title)}</h2>\n<table>{rows}</table>{note}")
    return "\n".join(parts)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>livetrap plan: {name}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
h2 {{ font-size: 1.1rem; margin: 1.6rem 0 .3rem }}
td {{ padding: .1rem 1rem .1rem 0; vertical-align: top }}
.v {{ text-align: right; white-space: nowrap; font-weight: 600 }} .n {{ color: #666 }}
</style>
<script>{library}</script></head>
<body><h1>{name}</h1>
<p>{summary}</p>
<p class=n>Probabilities of detection are lower bounds: see docs/paper.md of livetrap.</p>
{plots}
{tables}
</body></html>
"""
