"""Scenario files: what is read, and the one line for what is wrong."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from host.plan import scenario_file
from host.plan.errors import PlanError
from host.plan.presets import ACCELERATORS, MODELS, SCENARIOS
from host.plan.scenario_file import load, override, parse, preset, schema

GOOD = """\
name: One country
flop_guaranteed: 2e24
accelerator: h200-sxm
provers: {Alpha: 6e4, Beta: 40_000}
snapshots_per_chip_day: 0.1
run_days: 365
monitoring_days: 30
detection_probability: 0.9
"""


def read(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return load(path)


def test_a_file(tmp_path: Path) -> None:
    fleet = parse(read(tmp_path, GOOD))
    assert fleet.name == "One country"
    assert fleet.scenario.flop_threshold == 1e24
    assert fleet.scenario.chip_flop_per_day == 989.5e12 * 86_400
    assert fleet.scenario.chips_owned == 100_000
    assert [one.chips for one in fleet.stockpiles] == [60_000, 40_000]
    assert fleet.memory_bytes == 141e9
    assert fleet.cluster_chips == 10_000


def test_what_is_not_given() -> None:
    fleet = parse(override(preset("footnote-5"), {"chips_owned": 5000, "transcript_segments": 50}))
    assert fleet.cluster_chips == 5000
    assert fleet.memory_bytes == 80e9
    assert (fleet.forged_segments, fleet.checked_segments) == (10, 50)
    assert fleet.inspections_per_inspector_year == 1000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("run_days: 365", "run: 365"), "run: the unit is missing from the name; write run_days"),
        (("run_days: 365", "run_weeks: 52"), "run_weeks: no such field; did you mean run_days?"),
        (
            ("flop_guaranteed", "flop"),
            "flop: the unit is missing from the name; write flop_threshold or flop_guaranteed",
        ),
        (("run_days: 365\n", ""), "run_days: missing; T: days that the longest run to catch lasts, such as 365"),
        (("accelerator: h200-sxm\n", ""), "accelerator: missing; give accelerator, chip_flop_per_second or"),
        (("run_days: 365", "run_days: -3"), "run_days: expected more than 0, found -3; 365 would do"),
        (("run_days: 365", "run_days: 12 weeks"), "run_days: expected a number, found '12 weeks'; the unit is in"),
        (("run_days: 365", "run_days: yes"), "run_days: expected a number, found True"),
        (("run_days: 365", "run_days:"), "run_days: expected a number, found None"),
        (("run_days: 365", "run_days: .inf"), "run_days: expected a finite number, found inf"),
        (("run_days: 365", "run_days: .nan"), "run_days: expected a finite number, found nan"),
        (("Alpha: 6e4", "Alpha: 0"), "provers.Alpha: expected more than 0, found 0; 60000 would do"),
        (("Alpha: 6e4", "Alpha: 1.5"), "provers.Alpha: expected a whole number, found 1.5"),
        (("h200-sxm", "h300"), "accelerator: expected one of paper-h100, "),
        (
            ("0.9", "1"),
            "detection_probability: expected less than 1 (random inspection never gives certainty), found 1",
        ),
        (("0.1", "0"), "snapshots_per_chip_day: expected more than 0, found 0; 0.1 would do"),
        (("name:", "model: palm\nname:"), "flop_guaranteed: model says the same thing already; keep one of them"),
        (("name: One country", "name: 5"), "name: expected text, found 5"),
    ],
)
def test_fields_that_are_wrong(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(PlanError) as refusal:
        parse(read(tmp_path, GOOD.replace(*change)))
    assert str(refusal.value).startswith(words)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1\n", "expected fields with values"),
        ("", "expected fields with values"),
        ("1: 2\n", "expected fields with values"),
        ("a: [\n", "not YAML in line"),
        ("a: \x07\n", "not YAML"),
        ("run_days: 1\nrun_days: 2\n", "not YAML in line 1: run_days is given twice"),
        ("a: !!python/object/apply:os.getcwd []\n", "not YAML in line 1"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as refusal:
        read(tmp_path, text)
    assert "scenario.yaml: " in str(refusal.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No such file"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PlanError, match="not text in UTF-8"):
        load(tmp_path / "bytes.yaml")


def test_overriding_drops_the_alternatives() -> None:
    changed = override(preset("palm"), {"flop_guaranteed": 4e24, "provers": {"A": 10, "B": 20}})
    assert "model" not in changed and "chips_owned" not in changed
    assert parse(changed).scenario.flop_threshold == 2e24


@pytest.mark.parametrize("name", SCENARIOS)
def test_presets_are_whole_scenarios(name: str) -> None:
    assert parse(preset(name)).name == SCENARIOS[name]["name"]


def test_no_such_preset() -> None:
    with pytest.raises(PlanError, match="no preset 'x': expected one of gpt-3, "):
        preset("x")


def test_the_schema() -> None:
    Draft202012Validator.check_schema(schema())
    fields = schema()["properties"]
    assert fields["model"]["enum"] == list(MODELS)
    assert fields["accelerator"]["enum"] == list(ACCELERATORS)
    for name, rule in fields.items():
        assert rule["description"] and rule["examples"], name
        Draft202012Validator(rule).validate(rule["examples"][0])
    choices = [[one["required"][0] for one in group["oneOf"]] for group in schema()["allOf"]]
    assert choices == [list(group) for group in scenario_file.CHOICES]


def test_every_number_names_its_unit() -> None:
    unit = re.compile(
        r"_(threshold|guaranteed|owned|days?|probability|year(_budget)?|chips|seconds?|bytes|hertz|segments)$"
    )
    for name, rule in schema()["properties"].items():
        assert rule.get("type") not in ("number", "integer") or unit.search(name), name


@pytest.mark.parametrize("name", ACCELERATORS)
def test_accelerators_have_sources(name: str) -> None:
    chip = ACCELERATORS[name]
    assert chip.name == name and chip.source and "http" not in chip.source
    assert 1e14 < chip.flop_per_second < 1e16
    assert chip.flop_per_day == chip.flop_per_second * 86_400
