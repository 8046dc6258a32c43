"""From an Amaranth component to the text that Verilator reads."""

from amaranth.back import rtlil, verilog
from amaranth.hdl import Elaboratable


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


def to_verilog(component: Elaboratable, name: str) -> dict[str, str]:
    """Verilog files of a component: `<name>.v` with its top module `name`, and those of its instances.

    Source locations are left out, so that moving lines in a Python file changes nothing.
    """
    platform = FileCollector()
    text = verilog.convert(component, name=name, platform=platform, emit_src=False, strip_internal_attrs=True)
    return {f"{name}.v": text, **platform.files}


def to_rtlil(component: Elaboratable, name: str) -> dict[str, str]:
    """As `to_verilog`, with Amaranth's RTLIL, which needs no Yosys: the cheap way to see what changed."""
    platform = FileCollector()
    text = rtlil.convert(component, name=name, platform=platform, emit_src=False)
    return {f"{name}.il": text, **platform.files}
