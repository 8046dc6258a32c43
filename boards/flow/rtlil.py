"""From an Amaranth component to the RTLIL that synthesis reads."""

import re
from dataclasses import dataclass, field
from typing import Any

from amaranth.hdl import Elaboratable

from sim.rtl.elaboration import to_rtlil

_MODULE = re.compile(r"(?m)^(?=module )")
_MARKED = re.compile(r"(?m)^  attribute \\no_rw_check 1\n(?:  attribute .*\n)*  memory .*(\\\S+)$")
_PORT = re.compile(r"(?ms)^  cell \$mem(rd|wr)_v2 \S+\n.*?^  end\n")
_MASK = re.compile(r"(?m)^(    parameter \\COLLISION_X_MASK )(\d+)'0+$")


@dataclass(frozen=True)
class Design:
    """What synthesis reads.

    name: of the top module. rtlil: its text. files: name -> text of each Verilog file that an instance needs.
    constraints: pins and clocks as nextpnr reads them for the platform's family; "" without a platform.
    """

    name: str
    rtlil: str
    files: dict[str, str] = field(default_factory=dict)
    constraints: str = ""


def design(component: Elaboratable, name: str, platform: Any = None) -> Design:
    """Elaborates a component, with top module `name`.

    platform: a new amaranth-boards platform, whose pins become the ports; without one they are the component's.
    Source locations are left out, so that moving lines in a Python file changes nothing.
    """
    if platform is None:
        text, files = to_rtlil(component, name)
        return Design(name, allow_collisions(text), files)
    plan = {
        path: _text(contents) for path, contents in platform.prepare(component, name, emit_src=False).files.items()
    }
    verilog = {path: text for path, text in plan.items() if path.endswith(".v") and path != f"{name}.debug.v"}
    constraints = next(text for path, text in plan.items() if path.endswith((".lpf", ".pcf")))
    return Design(name, allow_collisions(plan[f"{name}.il"]), verilog, constraints)


def allow_collisions(rtlil: str) -> str:
    """RTLIL with COLLISION_X_MASK set as memories with the attribute `no_rw_check` ask for.

    Yosys looks at the attribute when it reads Verilog, but not in RTLIL. A read port's bit of the mask is set for
    each write port that has another address: what it reads while that port writes the same word is then undefined,
    and the two can be the two ports of a block RAM. A read port with a write port's address still reads the old word.
    Raises ValueError when a memory port's text is not as Amaranth writes it.
    """
    return "".join(map(_allow_in_module, _MODULE.split(rtlil)))


def _allow_in_module(module: str) -> str:
    marked = set(_MARKED.findall(module))
    if not marked:
        return module
    writers: dict[str, list[str]] = {}
    for port in _PORT.finditer(module):
        if port[1] == "wr":
            writers.setdefault(_memory(port[0]), []).append(_entry(port[0], "connect", "ADDR"))

    def allow(port: re.Match[str]) -> str:
        if port[1] == "wr" or _memory(port[0]) not in marked:
            return port[0]
        own = _entry(port[0], "connect", "ADDR")
        addresses = writers.get(_memory(port[0]), [])
        if not addresses:
            return port[0]
        bits = "".join("0" if address == own else "1" for address in reversed(addresses))
        text, count = _MASK.subn(rf"\g<1>{len(bits)}'{bits}", port[0])
        if count != 1:
            raise ValueError(f"a read port of memory {_memory(port[0])} has no plain COLLISION_X_MASK")
        return text

    return _PORT.sub(allow, module)


def _memory(port: str) -> str:
    return _entry(port, "parameter", "MEMID").strip('"').replace("\\\\", "\\")


def _entry(cell: str, kind: str, name: str) -> str:
    found = re.search(rf"(?m)^    {kind} \\{name} (.*)$", cell)
    if found is None:
        raise ValueError(f"a memory port without {name}")
    return found[1]


def _text(contents: str | bytes) -> str:
    return contents if isinstance(contents, str) else contents.decode()
