"""cocotb on the SPI PHY under Verilator, with a flash at its pins. A missing tool or scenario is a failure."""

import os
from pathlib import Path

import cocotb
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from rtl.io.spi_phy import SpiPhy
from sim.rtl import verilator
from sim.rtl.cache import BUILD, built_once, digest
from sim.rtl.elaboration import YOSYS_SCRIPT, to_rtlil, to_verilog
from tests.cocotb import spi_flash_scenarios

TOP = "spi_phy"
ROOT = Path(__file__).resolve().parents[2]
FLAGS = [*verilator.LINT, "--output-split", "0", "-CFLAGS", "-O1"]


def test_spi_flash_scenarios(monkeypatch, tmp_path):
    monkeypatch.setenv("VERILATOR_ROOT", str(verilator.root()))
    monkeypatch.setenv("PATH", f"{verilator.root() / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.syspath_prepend(ROOT)
    rtlil, _ = to_rtlil(SpiPhy(), TOP)
    runner = get_runner("verilator")

    def build(directory):
        source = directory / f"{TOP}.v"
        source.write_text(to_verilog(rtlil))
        runner.build(
            sources=[source],
            hdl_toplevel=TOP,
            build_dir=directory,
            build_args=FLAGS,
            timescale=("1ns", "1ps"),
            log_file=directory / "build.log",
        )

    key = digest([verilator.tools(), cocotb.__version__, YOSYS_SCRIPT, *FLAGS, rtlil])
    results = runner.test(
        hdl_toplevel=TOP,
        hdl_toplevel_lang="verilog",
        test_module=spi_flash_scenarios.__name__,
        build_dir=built_once(BUILD / "cocotb" / f"{TOP}-{key}", build),
        test_dir=tmp_path,
        seed=1,
    )
    assert get_results(results) == (4, 0)
