"""Compiles a component to a shared library with a C interface, once for each state of its RTLIL."""

import ctypes
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from amaranth.hdl import Shape
from amaranth.lib.wiring import Component, In

from . import verilator
from .block_port import Port
from .cache import BUILD, built_once, digest
from .elaboration import YOSYS_SCRIPT, to_rtlil, to_verilog

SHIM = Path(__file__).with_name("block_shim.cpp")
OPTIMISATION = ("-O1",)
VERILATOR_FLAGS = ("--assert", "--output-split", "0")

_HEADER_PORT = re.compile(r"^\s*VL_(?:IN|OUT)\w*\(&(\w+),(\d+),0", re.MULTILINE)
_ESCAPE = re.compile(r"__0([0-9A-F]{2})")
"""Verilator's spelling of characters that C++ names cannot have."""


def open_library(component: Component, name: str) -> tuple[ctypes.CDLL, dict[str, Port]]:
    """The functions of block_shim.cpp for a component, and its ports; `rst` among them if the component has one.

    Builds under build/blocks/<name>-<digest> first, if need be. Raises BuildError if Verilator warns.
    """
    directory = _built(component, name)
    return _load(directory / "block.so"), _ports(component, (directory / "ports").read_text().splitlines())


def _built(component: Component, name: str) -> Path:
    """Directory with block.so and the list `ports`: a line "name width" for each index."""
    rtlil, instance_files = to_rtlil(component, name)
    key = digest([
        verilator.tools(), *verilator.LINT, *verilator.CXX_FLAGS, *OPTIMISATION, *VERILATOR_FLAGS,
        SHIM.read_text(), rtlil, *instance_files.values(), YOSYS_SCRIPT,
    ])  # fmt: skip

    def build(directory: Path) -> None:
        sources = []
        for file_name, text in {f"{name}.v": to_verilog(rtlil), **instance_files}.items():
            sources.append(directory / file_name)
            sources[-1].write_text(text)
        model = directory / "model"
        verilator.verilate(sources, model, top=name, prefix="Block", flags=VERILATOR_FLAGS)
        members = _HEADER_PORT.findall((model / "Block.h").read_text())
        (model / "ports.inc").write_text("".join(f"PORT({member})\n" for member, _ in members))
        unit = model / "unit.cpp"
        unit.write_text("".join(f'#include "{path}"\n' for path in [*sorted(model.glob("Block*.cpp")), SHIM]))
        clocked = ["-DCLOCKED"] if any(member == "clk" for member, _ in members) else []
        verilator.run([
            verilator.CXX, *verilator.CXX_FLAGS, *OPTIMISATION, *clocked, *verilator.include_flags(),
            f"-I{model}", "-shared", "-Wl,-Bsymbolic", "-o", directory / "block.so", unit,
            *verilator.runtime(OPTIMISATION),
        ])  # fmt: skip
        (directory / "ports").write_text("\n".join(f"{_unescaped(member)} {int(top) + 1}" for member, top in members))
        shutil.rmtree(model)

    return built_once(BUILD / "blocks" / f"{name}-{key}", build)


def _unescaped(member: str) -> str:
    return _ESCAPE.sub(lambda code: chr(int(code[1], 16)), member)


def _ports(component: Component, lines: Sequence[str]) -> dict[str, Port]:
    members = {
        "__".join(map(str, path)): (Shape.cast(member.shape).signed, member.flow == In)
        for path, member, _ in component.signature.flatten(component)
    }
    members["rst"] = (False, True)
    listed = ((index, *line.split()) for index, line in enumerate(lines))
    return {name: Port(name, index, int(width), *members[name]) for index, name, width in listed if name in members}


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, index, cycles, pointer = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p
    library.block_create.restype = handle
    library.block_destroy.argtypes = [handle]
    library.block_port.argtypes, library.block_port.restype = [handle, index], pointer
    library.block_failure.argtypes, library.block_failure.restype = [handle], ctypes.c_char_p
    library.block_settle.argtypes = [handle]
    library.block_step.argtypes = [handle, cycles]
    library.block_step_until.argtypes = [handle, index, ctypes.c_char_p, pointer]
    library.block_run.argtypes = [handle, cycles, index, pointer, pointer, index, pointer, pointer]
    return library
