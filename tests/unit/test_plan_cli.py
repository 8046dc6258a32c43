"""`livetrap plan`: what it prints, writes and refuses."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from formats.statement import layout
from host.cli import run
from host.cli.output import results
from host.plan import detection
from host.plan.chip_cost import compliance_cost, read_measurements
from host.plan.errors import PlanError
from host.plan.figures import Figure
from host.plan.paper import table_1_scenario
from host.plan.words import readable

Plan = Callable[..., tuple[int, str, str]]
BENCH = {
    "snapshot.stall_cycles": 0,
    "snapshot.trigger_to_root_cycles": 20_000,
    "snapshot.root_to_signature_cycles": 1_000_000,
    "snapshot.hash_bytes_per_cycle": 8,
}


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plan:
    """Runs `livetrap plan` in this process, in a directory without bench figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["plan", *(str(argument) for argument in arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def write_bench(path: Path, **changed: object) -> Path:
    figures = {name: {"value": value, "unit": "cycles", "exact": True} for name, value in BENCH.items()}
    path.write_text(json.dumps({**figures, **changed}))
    return path


def test_tables(plan: Plan) -> None:
    code, out, err = plan("--preset", "chinchilla", "--budget", 5000)
    assert (code, err) == (0, "")
    # However wide the terminal is.
    found = " ".join(out.split())
    assert "Inspect 1,091 of 100,000 chips, drawn at random, every 30 days: work for 14 inspectors." in found
    for words in ("13,267 inspections", "1.152e24 FLOP", "With a budget of 5,000 inspections a year", "0.864 s"):
        assert words in found
    assert "the chip's measured figures are not here: run `make bench`, which writes build/bench.json" in found
    assert all(len(line) <= results.width for line in out.splitlines())


def test_json_agrees_with_the_functions(plan: Plan) -> None:
    code, out, _ = plan("--preset", "chinchilla", "--budget", 5000, "--json")
    found = json.loads(out)
    scenario = table_1_scenario("chinchilla", 1e5)
    per_period = 5000 * 30 / 365
    assert code == 0
    assert found["inspections"]["per_period"]["value"] == detection.whole_inspections_per_period(scenario) == 1091
    assert found["inspections"]["per_year"]["value"] == 13_267
    assert found["budget"]["detection"]["value"] == detection.probability_of_detection(scenario, per_period)
    assert found["budget"]["smallest_caught_flop"]["value"] == detection.smallest_caught_flop(scenario, per_period)
    assert found["scenario"]["chips_owned"] == 100_000
    assert len(found["sensitivity"]) == 11


def test_csv_has_every_figure(plan: Plan) -> None:
    figures = json.loads(plan("--preset", "palm", "--json")[1])
    rows = list(csv.DictReader(io.StringIO(plan("--preset", "palm", "--csv")[1])))
    assert list(rows[0]) == ["section", "figure", "value", "unit", "meaning"]
    for row in rows:
        if row["section"] != "sensitivity":
            expected = figures[row["section"]][row["figure"]]["value"]
            assert (float(row["value"]) if row["value"] else None) == expected
    assert sum(row["section"] == "sensitivity" for row in rows) == 11


def test_a_budget_that_catches_nothing_says_what_would(plan: Plan) -> None:
    code, out, _ = plan("--preset", "palm", "--budget", 0, "--json")
    budget = json.loads(out)["budget"]
    assert code == 0
    assert budget["detection"]["value"] == 0
    assert budget["smallest_caught_flop"]["value"] is None
    assert "feasible: 1 a period" in budget["smallest_caught_flop"]["note"]


def test_several_provers(plan: Plan) -> None:
    out = plan("--preset", "chinchilla", "--prover", "Alpha=99990", "--prover", "Beta=10", "--json")[1]
    provers = json.loads(out)["provers"]
    assert provers["apart.Beta"]["value"] is None
    assert provers["worst_lent_detection"]["value"] < provers["lent_detection"]["value"] < 0.9
    assert provers["together"]["value"] == 1091


def test_html_is_one_file_with_four_plots(plan: Plan, tmp_path: Path) -> None:
    code, out, _ = plan("--preset", "chinchilla", "--budget", 5000, "--html", "plan.html")
    assert code == 0 and "report: plan.html" in out
    page = (tmp_path / "plan.html").read_text()
    body = (
        re.sub(r"<script>.*?</script>", "", page.split("</head>")[0], count=1, flags=re.S) + page.split("</head>")[1]
    )
    assert page.count("Plotly.newPlot(") - page.split("</head>")[0].count("Plotly.newPlot(") == 4
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", body)
    for words in (
        "Detection against inspections",
        "Sensitivity to the snapshot rate",
        "too few chips",
        "Inspect 1,091",
    ):
        assert words in body


def test_names_cannot_break_the_html(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "evil.yaml").write_text(
        "name: '<script>alert(1)</script>'\nmodel: palm\naccelerator: tpu-v5p\nprovers: {'<b>x</b>': 4000, y: 4000}\n"
        "snapshots_per_chip_day: 0.1\nrun_days: 365\nmonitoring_days: 30\ndetection_probability: 0.9\n"
    )
    assert plan("evil.yaml", "--html", "plan.html")[0] == 0
    page = (tmp_path / "plan.html").read_text()
    assert "<script>alert(1)" not in page and "<b>x</b>" not in page


def test_simulation_beside_equation_1(plan: Plan, tmp_path: Path) -> None:
    arguments = ("--preset", "palm", "--simulate", "--worlds", 20_000, "--html", "plan.html", "--json")
    code, out, _ = plan(*arguments)
    points = json.loads(out)["simulation"]
    assert code == 0 and len(points) == 8
    for point in points:
        assert point["low"] <= point["simulated"] <= point["high"]
        assert point["high"] >= point["formula"]
    assert "simulated, with 95 % interval" in (tmp_path / "plan.html").read_text()
    assert plan(*arguments)[1] == out


def test_simulation_as_a_table(plan: Plan) -> None:
    code, out, _ = plan("--preset", "palm", "--simulate", "--worlds", 100)
    assert code == 0 and "95 % interval" in out


def test_list(plan: Plan) -> None:
    code, out, _ = plan("--list")
    assert code == 0 and "footnote-5" in out and "NVIDIA H200 datasheet" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give a scenario file or --preset NAME"),
        (("--preset", "nope"), "no preset 'nope': expected one of gpt-3"),
        (("--preset", "palm", "--csv", "--json"), "--csv and --json cannot be given together"),
        (("--preset", "palm", "--chips-owned", "-5"), "chips_owned: expected more than 0, found -5; 100000 would do"),
        (("--preset", "palm", "--run-days", "7"), "monitoring_days 7 or less"),
        (("--preset", "palm", "--chips-owned", "10"), "feasible: flop_threshold 3.14e+23, or run_days 2970"),
        (("--preset", "palm", "--detection-probability", "1"), "random inspection never gives certainty"),
        (("--preset", "palm", "--snapshots-per-chip-day", "0"), "expected more than 0, found 0; 0.1 would do"),
        (("--preset", "palm", "--prover", "A=0"), "'A=0' is not NAME=CHIPS"),
        (("--preset", "palm", "--prover", "A=1", "--prover", "A=2"), "two --prover options have the same name"),
        (("--preset", "palm", "--chips-owned", "2e9", "--simulate"), "the simulation: "),
        (("absent.yaml",), "'absent.yaml' does not exist"),
    ],
)
def test_refusals_are_one_line(plan: Plan, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = plan(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.startswith("livetrap: ") and err.count("\n") == 1


def test_refusals_name_the_file(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("run: 3\n")
    assert plan("one.yaml")[2] == "livetrap: one.yaml: run: the unit is missing from the name; write run_days\n"
    assert "not both" in plan("one.yaml", "--preset", "palm")[2]


def test_the_chip_s_cost(plan: Plan, tmp_path: Path) -> None:
    bench = write_bench(tmp_path / "bench.json", **{"snapshot.stall_cycles": {"value": 50_000}})
    out = plan("--preset", "chinchilla", "--bench", bench, "--chip-clock-hertz", 50e6, "--json")[1]
    chip = json.loads(out)["chip"]
    size = layout().statement_bytes
    assert chip["statement_bytes"]["value"] == size
    assert chip["log_bytes_per_chip_year"]["value"] == pytest.approx(36.5 * size)
    assert chip["evidence_bytes_per_chip_year"]["value"] == pytest.approx(36.5 * (size + 80e9))
    assert chip["cluster_stall_share"]["value"] == pytest.approx(10_000 * 0.1 * 0.001 / 86_400)
    assert chip["statement_seconds"]["value"] == pytest.approx(0.0204)
    assert chip["whole_memory_seconds"]["value"] == pytest.approx(200)


def test_no_stall_costs_nothing(tmp_path: Path) -> None:
    measured = read_measurements(write_bench(tmp_path / "bench.json"))
    assert measured is not None
    assert compliance_cost(measured, 50e6, 1e4, 0.1, 80e9).cluster_stall_share == 0
    with pytest.raises(PlanError, match="chip_clock_hertz: expected more than 0"):
        compliance_cost(measured, 0, 1e4, 0.1, 80e9)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "days", "-"),
        (0, "share", "0 %"),
        (0.9, "share", "90.0 %"),
        (1, "share", "100 %"),
        (0.99999, "share", "over 99.95 %"),
        (0.00018, "share", "0.0180 %"),
        (1e-9, "share", "1e-7 %"),
        (5.76e23, "FLOP", "5.76e23 FLOP"),
        (17812, "bytes", "17.8 kB"),
        (488, "bytes", "488 bytes"),
        (999_999, "bytes", "1 MB"),
        (2.92e12, "bytes", "2.92 TB"),
        (1091, "inspections", "1,091 inspections"),
        (1234567.8, "inspections", "1,234,568 inspections"),
        (82.19, "inspections", "82.2 inspections"),
        (0.00156, "s", "0.00156 s"),
    ],
)
def test_figures_as_people_read_them(value: float | None, unit: str, text: str) -> None:
    assert readable(Figure("name", value, unit, "meaning")) == text


@pytest.mark.parametrize("figure", [{}, {"value": "many"}, {"value": -1}, {"value": True}, 7])
def test_bench_figures_that_are_wrong(tmp_path: Path, figure: object) -> None:
    path = write_bench(tmp_path / "bench.json", **{"snapshot.stall_cycles": figure})
    with pytest.raises(PlanError, match=r"bench.json: snapshot.stall_cycles: expected a number"):
        read_measurements(path)


def test_bench_files(tmp_path: Path) -> None:
    assert read_measurements(tmp_path / "absent.json") is None
    (tmp_path / "bench.json").write_text("{")
    with pytest.raises(PlanError, match="not JSON"):
        read_measurements(tmp_path / "bench.json")


WITHOUT = """
import sys
for name in ("yaml", "jsonschema", "plotly"):
    sys.modules[name] = None
from host.cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("plan", "--preset", "palm"), 2, "pip install '.[plan]'"),
        (("plan", "one.yaml"), 2, "pip install '.[plan]'"),
        (("plan", "--help"), 0, ""),
        (("plan", "--list"), 0, ""),
        (("verify", "--help"), 0, ""),
    ],
)
def test_without_the_extra(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    (tmp_path / "one.yaml").write_text("run_days: 3\n")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stderr.count("\n") == (1 if words else 0)
