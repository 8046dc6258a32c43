"""Every public class, function, method and property says what it promises."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("host/**/*.py", "formats/**/*.py", "sim/**/*.py", "rtl/**/*.py", "firmware/*.py", "boards/**/*.py")
EXEMPT = ("elaborate", "main")
"""Amaranth's method and the scripts' entry points."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def has_help(node: Definition) -> bool:
    """A click command whose decorator carries its help."""
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
    return any(
        keyword.arg == "help" and ast.unparse(call.func).endswith(("command", "group"))
        for call in calls
        for keyword in call.keywords
    )


def undocumented(scope: ast.AST, prefix: str = "") -> Iterator[str]:
    """Names of the public definitions without a docstring; what is nested in a function is not public."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, Definition):
            if isinstance(node, ast.stmt):
                yield from undocumented(node, prefix)
        elif not node.name.startswith("_") and node.name not in EXEMPT:
            if not ast.get_docstring(node) and not has_help(node):
                yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node, f"{prefix}{node.name}.")


def test_every_public_definition_has_a_docstring() -> None:
    paths = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern))
    assert len(paths) > 100
    missing = [
        f"{path.relative_to(ROOT)}: {name}" for path in paths for name in undocumented(ast.parse(path.read_text()))
    ]
    assert not missing, "no docstring:\n" + "\n".join(missing)


def test_what_is_asked_for() -> None:
    source = '''
class Bare:
    def method(self): pass
    def _private(self): pass
    def elaborate(self, platform): pass
if True:
    def conditional():
        def nested(): pass
@click.command(help="Does it.")
def command(): pass
@click.option(help="An option's.")
def other(): pass
def good():
    """Says so."""
'''
    assert list(undocumented(ast.parse(source))) == ["Bare", "Bare.method", "conditional", "other"]
