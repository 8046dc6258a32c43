"""Synthesis: RTLIL to a netlist of a family's cells, by Yosys."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import tools
from .family import Family
from .rtlil import Design

OPTIONS = {Family.ECP5: ("-nowidelut",), Family.ICE40: ("-abc9",)}
"""What every design of a family is synthesised with. Wide multiplexers would triple Keccak's area."""

DEVICE_OPTIONS = {"up5k": ("-device", "u", "-dsp"), "hx8k": ("-device", "hx")}
"""By nextpnr's name of the device: what its parts of the family have beyond others."""


@dataclass(frozen=True)
class Netlist:
    """name: of the top module. path: the JSON that nextpnr reads. cells: type -> number, over all levels."""

    name: str
    path: Path
    cells: dict[str, int]


def synthesise(
    design: Design,
    family: Family,
    directory: Path,
    options: Sequence[str] = (),
    *,
    seconds: float = tools.DEFAULT_SECONDS,
) -> Netlist:
    """Writes the flat netlist <name>.json to an existing directory, with Yosys' log beside it.

    options: of synth_<family>, behind OPTIONS; DEVICE_OPTIONS has those of a device. Raises ToolError.
    """
    statistics = _run(design, family, directory, options, seconds)
    return Netlist(design.name, directory / f"{design.name}.json", statistics["design"]["num_cells_by_type"])


def cells_by_module(
    design: Design,
    family: Family,
    directory: Path,
    options: Sequence[str] = (),
    *,
    seconds: float = tools.DEFAULT_SECONDS,
) -> dict[str, dict[str, int]]:
    """Cells (type -> number) of each module that is instantiated at the top or below, with all that it contains.

    The hierarchy is kept, so that sums are somewhat above those of `synthesise`. Module names are as Amaranth gives
    them: "top.processor.cpu". Raises ToolError.
    """
    modules = _run(design, family, directory, [*options, "-noflatten"], seconds)["modules"]
    types = {name: contents["num_cells_by_type"] for name, contents in modules.items()}
    totals: dict[str, dict[str, int]] = {}

    def total(module: str) -> dict[str, int]:
        if module not in totals:
            sums: dict[str, int] = {}
            for kind, number in types[module].items():
                inner = total("\\" + kind) if "\\" + kind in types else {kind: 1}
                for cell, each in inner.items():
                    sums[cell] = sums.get(cell, 0) + number * each
            totals[module] = sums
        return totals[module]

    return {module.removeprefix("\\"): total(module) for module in types}


def _run(design: Design, family: Family, directory: Path, options: Sequence[str], seconds: float) -> dict:
    """Synthesises, and returns what `stat -json` counts."""
    for name, text in {f"{design.name}.il": design.rtlil, **design.files}.items():
        (directory / name).write_text(text)
    command = " ".join((f"synth_{family.value}", "-top", design.name, *OPTIONS[family], *options))
    script = [
        *(f"read_verilog {name}" for name in sorted(design.files)),
        f"read_rtlil {design.name}.il",
        command,
        "tee -q -o cells.json stat -json",
        f"write_json {design.name}.json",
    ]
    (directory / "synthesis.ys").write_text("\n".join(script) + "\n")
    tools.run(tools.YOSYS, ["-s", "synthesis.ys"], directory, seconds=seconds)
    return json.loads((directory / "cells.json").read_text())
