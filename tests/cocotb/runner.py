"""Runs cocotb scenarios on a component under Verilator, built once for each state of it."""

import os
from pathlib import Path
from types import ModuleType

import cocotb
import pytest
from amaranth.hdl import Elaboratable
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from sim.rtl import verilator
from sim.rtl.cache import BUILD, built_once, digest
from sim.rtl.elaboration import YOSYS_SCRIPT, to_rtlil, to_verilog

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [*verilator.LINT, "--output-split", "0", "-CFLAGS", "-O1"]


def run_scenarios(
    component: Elaboratable, name: str, scenarios: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, int]:
    """How many of the module's cocotb tests ran on the component, and how many failed.

    name: of the component's top module. folder: for what the run writes. A missing tool is an error.
    """
    monkeypatch.setenv("VERILATOR_ROOT", str(verilator.root()))
    monkeypatch.setenv("PATH", f"{verilator.root() / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.syspath_prepend(ROOT)
    rtlil, _ = to_rtlil(component, name)
    runner = get_runner("verilator")

    def build(directory: Path) -> None:
        source = directory / f"{name}.v"
        source.write_text(to_verilog(rtlil))
        runner.build(
            sources=[source],
            hdl_toplevel=name,
            build_dir=directory,
            build_args=FLAGS,
            timescale=("1ns", "1ps"),
            log_file=directory / "build.log",
        )

    key = digest([verilator.tools(), cocotb.__version__, YOSYS_SCRIPT, *FLAGS, rtlil])
    results = runner.test(
        hdl_toplevel=name,
        hdl_toplevel_lang="verilog",
        test_module=scenarios.__name__,
        build_dir=built_once(BUILD / "cocotb" / f"{name}-{key}", build),
        test_dir=folder,
        seed=1,
    )
    return get_results(results)
