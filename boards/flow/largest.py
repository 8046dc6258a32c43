"""Which blocks of a design take most of a resource."""

from collections.abc import Mapping

from .family import Family
from .resources import count

SHOWN = 3
WRAPPED = 0.8
"""A module is looked into as long as one of those in it has this part of what it takes."""


def largest_blocks(
    modules: Mapping[str, Mapping[str, int]], top: str, family: Family, resource: str, shown: int = SHOWN
) -> list[tuple[str, int]]:
    """The blocks that take most of a resource, and how much, the largest first; none takes nothing.

    modules: as of synthesis.cells_by_module. top: the one that holds all. Blocks are what stands beside each other at
    the level where the design parts into several, named relative to that; or the one block that has it all.
    """
    taken = {name: count(cells, family).get(resource, 0) for name, cells in modules.items()}
    at = top
    while True:
        inner = {name: number for name, number in taken.items() if _is_child(name, at)}
        largest = max(inner, key=inner.__getitem__, default=None)
        if largest is None or inner[largest] < WRAPPED * taken[at]:
            break
        at = largest
    if not inner:
        return [(at.removeprefix(f"{top}."), taken[at])] if taken[at] else []
    ranked = sorted(inner.items(), key=lambda item: (-item[1], item[0]))
    return [(name.removeprefix(f"{at}."), number) for name, number in ranked[:shown] if number]


def _is_child(name: str, parent: str) -> bool:
    return name.startswith(f"{parent}.") and "." not in name[len(parent) + 1 :]
