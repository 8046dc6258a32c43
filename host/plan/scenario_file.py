"""Scenario files: YAML, checked against scenario.schema.json, with one line for what is wrong.

Needs the extra `plan`. A field's unit is the end of its name (run_days, chip_flop_per_second), so a value is a bare
number; 1e24 is a number here, unlike in YAML 1.1.
"""

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .errors import PlanError
from .fleet import Fleet, fleet_of
from .presets import SCENARIOS

SCHEMA = "scenario.schema.json"
INSTALL = "`livetrap plan` needs the extra `plan`: run pip install '.[plan]' in livetrap's repository"

CHOICES = (
    ("model", "flop_threshold", "flop_guaranteed"),
    ("accelerator", "chip_flop_per_second", "chip_flop_per_day"),
    ("chips_owned", "provers"),
)
"""Of each group a scenario has exactly one."""


@cache
def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a scenario file."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath(SCHEMA).read_text())
    return loaded


def load(path: Path) -> dict[str, Any]:
    """The fields of a scenario file, not yet checked.

    Raises PlanError when it cannot be read, is not YAML, repeats a field, or is not a list of fields with values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not text in UTF-8") from error
    yaml, loader = _yaml()
    try:
        values = yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise PlanError(f"{path}: not YAML{where}: {getattr(error, 'problem', None) or 'cannot be read'}") from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise PlanError(f"{path}: expected fields with values, such as 'run_days: 365'")
    return values


def preset(name: str) -> dict[str, Any]:
    """A whole scenario by name. Raises PlanError when there is none of that name."""
    if name not in SCENARIOS:
        raise PlanError(f"no preset {name!r}: expected one of {', '.join(SCENARIOS)}")
    return dict(SCENARIOS[name])


def override(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """values with changes put in; a change drops the alternatives of its field (CHOICES)."""
    merged = dict(values)
    for name in changes:
        for group in CHOICES:
            if name in group:
                merged = {field: value for field, value in merged.items() if field not in group}
    return {**merged, **changes}


def parse(values: Mapping[str, Any]) -> Fleet:
    """Checks the fields and makes the fleet. Raises PlanError as check does, and for values out of range."""
    check(values)
    return fleet_of(values)


def check(values: Mapping[str, Any]) -> None:
    """Raises PlanError for the first field that is unknown, missing, given twice in other words, or out of range."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError as error:
        raise PlanError(INSTALL) from error
    known = schema()["properties"]
    for name in values:
        if name not in known:
            raise PlanError(_unknown(name, known))
    for group in CHOICES:
        given = [name for name in group if name in values]
        if len(given) > 1:
            raise PlanError(f"{given[1]}: {given[0]} says the same thing already; keep one of them")
        if not given:
            raise PlanError(
                f"{group[0]}: missing; give {_one_of(group)}, such as {known[group[-2]]['examples'][0]:g}"
            )
    for name in schema()["required"]:
        if name not in values:
            rule = known[name]
            raise PlanError(f"{name}: missing; {rule['description']}, such as {rule['examples'][0]:g}")
    found = sorted(Draft202012Validator(schema()).iter_errors(dict(values)), key=lambda one: list(one.path))
    if found:
        raise PlanError(_wrong(found[0]))
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise PlanError(f"{name}: expected a finite number, found {value}")


def _unknown(name: str, known: Iterable[str]) -> str:
    """A field that does not exist: most often its unit is missing or another one."""
    names = list(known)
    stem = name.split("_")[0]
    same = [field for field in names if field.startswith(name + "_")]
    if same:
        return f"{name}: the unit is missing from the name; write {_one_of(same)}"
    near = difflib.get_close_matches(name, names, 3, 0.7) or [
        field for field in names if field.split("_")[0] == stem and "_" in name
    ]
    return f"{name}: no such field" + (
        f"; did you mean {_one_of(near)}?" if near else f"; there are {', '.join(names)}"
    )


def _one_of(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


_BOUNDS = {
    "exclusiveMinimum": "more than {}",
    "minimum": "{} or more",
    "exclusiveMaximum": "less than {}",
    "maximum": "{} or less",
}
_TYPES = {"number": "a number", "integer": "a whole number", "string": "text", "object": "names with numbers"}


def _wrong(error: Any) -> str:
    """One of jsonschema's errors in a line: the field, what was expected and what was found."""
    field = ".".join(str(part) for part in error.absolute_path)
    found = error.instance
    shown = f"{found:g}" if isinstance(found, int | float) and not isinstance(found, bool) else repr(found)
    if error.validator in _BOUNDS:
        expected = _BOUNDS[error.validator].format(error.validator_value)
        why = " (random inspection never gives certainty)" if field == "detection_probability" else ""
        return f"{field}: expected {expected}{why}, found {shown}; {error.schema['examples'][0]:g} would do"
    if error.validator == "type":
        unit = "; the unit is in the field's name" if isinstance(found, str) else ""
        return f"{field}: expected {_TYPES[error.validator_value]}, found {shown}{unit}"
    if error.validator == "enum":
        return f"{field}: expected one of {', '.join(error.validator_value)}; found {shown}"
    return f"{field or 'scenario'}: {error.message}"


@cache
def _yaml() -> tuple[Any, Any]:
    """PyYAML, and a loader that takes 1e24 for a number and refuses a field given twice."""
    try:
        import yaml
    except ImportError as error:
        raise PlanError(INSTALL) from error

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value]
            for name in names:
                if names.count(name) > 1:
                    raise yaml.constructor.ConstructorError(None, None, f"{name} is given twice", node.start_mark)
            return dict(super().construct_mapping(node, deep))

    number = re.compile(r"^[-+]?(\d[\d_]*)(\.\d*)?[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    return yaml, Loader
