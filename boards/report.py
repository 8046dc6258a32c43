"""What a build came to: the figures that its summary, its JSON and docs/boards.md show."""

from dataclasses import asdict, dataclass
from typing import Any

from boards.flow.family import Family
from boards.flow.placement import Clock, CriticalPath, Placement, Usage
from boards.flow.resources import NAMES


@dataclass(frozen=True)
class Report:
    """One placed design.

    board, config, part, build_id: as in the manifest. seed: of the placer. tools: versions of what built it.
    resources: lut, ff, bram, dsp, and spram on iCE40, where a lut is a logic cell, which has the flip-flop too.
    clocks: by net. critical_paths: the slowest of each pair of clocks.
    """

    board: str
    config: str
    part: str
    build_id: str
    seed: int
    tools: tuple[str, ...]
    resources: dict[str, Usage]
    clocks: dict[str, Clock]
    critical_paths: tuple[CriticalPath, ...]

    @property
    def slowest(self) -> tuple[str, Clock]:
        """The clock that has the least to spare: its net, and its figures."""
        return min(self.clocks.items(), key=lambda item: item[1].mhz / item[1].target_mhz)

    @property
    def margin(self) -> float:
        """The least that a clock reaches, as a part of its target."""
        return self.slowest[1].mhz / self.slowest[1].target_mhz

    @property
    def is_met(self) -> bool:
        """Every clock reaches its target."""
        return all(clock.is_met for clock in self.clocks.values())

    @property
    def as_json(self) -> dict[str, Any]:
        """All of it, as `from_json` takes it."""
        return {**asdict(self), "timing_met": self.is_met}


def resources(placement: Placement, family: Family, flip_flops: int) -> dict[str, Usage]:
    """A placement's resources under our names. flip_flops: of the netlist; nextpnr does not count them on iCE40."""
    found = {ours: placement.usage[name] for name, ours in NAMES[family].items() if name in placement.usage}
    if "ff" not in found:
        found["ff"] = Usage(flip_flops, found["lut"].available)
    order = ("lut", "ff", "bram", "spram", "dsp")
    return {name: found[name] for name in order if name in found}


def from_json(fields: dict[str, Any]) -> Report:
    """The report that `as_json` made. Raises KeyError or TypeError for anything else."""
    values = {name: value for name, value in fields.items() if name != "timing_met"}
    values["tools"] = tuple(values["tools"])
    values["resources"] = {name: Usage(**each) for name, each in values["resources"].items()}
    values["clocks"] = {name: Clock(**each) for name, each in values["clocks"].items()}
    values["critical_paths"] = tuple(
        CriticalPath(**{**path, "cells": tuple(path["cells"])}) for path in values["critical_paths"]
    )
    return Report(**values)
