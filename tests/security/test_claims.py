"""Every security claim of the threat model has tests that try to break it, and they exist."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLAIMS = tomllib.loads((Path(__file__).parent / "claims.toml").read_text())
DOCUMENT = ROOT / "docs" / "threat-model.md"


def documented() -> list[str]:
    """The identifiers in the threat model's table of claims."""
    return re.findall(r"^\| `([a-z]+\.[a-z]+)` ", DOCUMENT.read_text(), re.MULTILINE)


@cache
def functions_of(path: str) -> dict[str, bool]:
    """The test functions of a file, and whether each is left to `make campaign`."""
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name: any("slow" in ast.unparse(decorator) for decorator in node.decorator_list)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_the_document_and_the_table_have_the_same_claims():
    assert documented() and len(documented()) == len(set(documented()))
    assert set(documented()) == set(CLAIMS)


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_a_claim_has_tests_that_run(claim):
    assert CLAIMS[claim].keys() == {"tests"} and CLAIMS[claim]["tests"]
    slow = []
    for name in CLAIMS[claim]["tests"]:
        path, function = name.split("::")
        assert function in functions_of(path), f"{name} does not exist"
        slow.append(functions_of(path)[function])
    assert not all(slow), "only `make campaign` would notice"


def test_nothing_else_in_the_document_looks_like_a_claim():
    """A claim in the text that is not in the table would have no test."""
    mentioned = re.findall(r"`([a-z]+\.[a-z]+)`", DOCUMENT.read_text())
    files = {name for name in mentioned if name.endswith((".toml", ".md", ".py"))}
    assert set(mentioned) - files == set(documented())
