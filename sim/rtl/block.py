"""One RTL block, verilated to a shared library and driven from Python: what the unit tests run on."""

import ctypes
import re
import shutil
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from amaranth.hdl import Shape
from amaranth.lib.wiring import Component, In

from . import verilator
from .cache import BUILD, built_once, digest
from .elaboration import YOSYS_SCRIPT, to_rtlil, to_verilog

SHIM = Path(__file__).with_name("block_shim.cpp")
OPTIMISATION = ("-O1",)
VERILATOR_FLAGS = ("--assert", "--output-split", "0")

_STORAGE = (
    (8, ctypes.c_uint8, "B"),
    (16, ctypes.c_uint16, "H"),
    (32, ctypes.c_uint32, "I"),
    (64, ctypes.c_uint64, "Q"),
)
_HEADER_PORT = re.compile(r"^\s*VL_(?:IN|OUT)\w*\(&(\w+),(\d+),0", re.MULTILINE)
_ESCAPE = re.compile(r"__0([0-9A-F]{2})")


class CycleLimit(Exception):
    """The simulation has made all the cycles that it was allowed."""


class _Port(NamedTuple):
    index: int
    width: int
    signed: bool
    settable: bool

    @property
    def storage(self) -> int:
        """Bytes of Verilator's variable: 1, 2, 4, 8, or a multiple of 4."""
        return next((bits // 8 for bits, *_ in _STORAGE if self.width <= bits), (self.width + 31) // 32 * 4)


class VerilatedBlock:
    """A component under simulation.

    component: an Amaranth component with at most the clock domain `sync`. Its ports have Amaranth's flattened
        names (`words__payload`, `lanes__3`); structured ports are integers, as their bits; signed ports take and
        give negative integers. `rst` is a port if any register has a reset.
    name: of the module and of the cache entry; the class's name by default.
    cycle_limit: cycles after which `step` and `run` raise CycleLimit.

    At first inputs are zero, and registers and memories have their initial values. Inputs change between
    clock edges: `get` returns outputs settled with the inputs as they are now, in the present cycle, and a
    step ends with outputs after its edge, settled with those same inputs. So a stream's transfer happens in a
    step before which `get` shows valid and ready both 1.

    The model is compiled when the component's RTLIL is seen for the first time, and kept under build/blocks.
    Raises verilator.BuildError if Verilator warns, for example of a combinational loop.
    """

    def __init__(self, component: Component, name: str | None = None, *, cycle_limit: int = 10**7) -> None:
        self.name = re.sub(r"\W", "_", name or type(component).__name__)
        self.cycle_limit = cycle_limit
        self.cycles = 0
        """Cycles simulated so far."""
        directory = _built(component, self.name)
        self._ports = _ports(component, (directory / "ports").read_text().split("\n"))
        self._library = _load(directory / "block.so")
        self._handle: int | None = None
        self.power_on()

    def power_on(self) -> None:
        """Starts again from initial values, memories too. Inputs become zero; `cycles` counts on."""
        self.close()
        self._handle = self._library.block_create()
        self._cells = {
            name: _cell_type(port).from_address(self._library.block_port(self._handle, port.index))
            for name, port in self._ports.items()
        }
        self._settled = False

    def close(self) -> None:
        """Frees the model."""
        if self._handle is not None:
            self._cells = {}
            self._library.block_destroy(self._handle)
            self._handle = None

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def set(self, name: str, value: int) -> None:
        """Sets an input. Raises ValueError if the value does not fit, KeyError if there is no such input."""
        port = self._ports[name]
        if not port.settable:
            raise KeyError(f"{name} is an output of {self.name}")
        if value >> port.width:
            value = _wrapped(name, port, value)
        if port.width <= 64:
            self._cells[name].value = value
        else:
            self._cells[name].raw = value.to_bytes(port.storage, "little")
        self._settled = False

    def set_all(self, values: Mapping[str, int]) -> None:
        """Sets several inputs."""
        for name, value in values.items():
            self.set(name, value)

    def get(self, name: str) -> int:
        """Value of an output, settled with the present inputs, or of an input."""
        if not self._settled:
            self._check(self._library.block_settle(self._handle))
            self._settled = True
        port = self._ports[name]
        cell = self._cells[name]
        value: int = cell.value if port.width <= 64 else int.from_bytes(cell.raw, "little")
        return value - (1 << port.width) if port.signed and value >> (port.width - 1) else value

    def step(self, n: int = 1) -> None:
        """Makes n clock cycles with the present inputs.

        Raises CycleLimit, before any of them, if they would exceed the limit; AssertionError if an Assert of
        the component fails.
        """
        self._take(n)
        self._check(self._library.block_step(self._handle, n))
        self._settled = True

    def step_until(self, name: str, value: int = 1, limit: int | None = None) -> int:
        """Steps until the output has the value; returns the cycles that took, 0 if it had it already.

        Raises CycleLimit after `limit` cycles in vain, or at the block's cycle limit.
        """
        port = self._ports[name]
        wanted = _wrapped(name, port, value).to_bytes(port.storage, "little")
        remaining = self.cycle_limit - self.cycles
        count = ctypes.c_uint64(remaining if limit is None else min(limit, remaining))
        status = self._library.block_step_until(self._handle, port.index, wanted, ctypes.byref(count))
        self._settled = True
        self.cycles += count.value
        if status == 2:
            raise CycleLimit(f"{self.name}: {name} was not {value} within {count.value} cycles")
        self._check(status)
        return count.value

    def reset(self) -> None:
        """Asserts `rst` for one cycle: registers take their initial values, memories keep what they hold.

        `power_on` sets memories back too.
        """
        if "rst" in self._ports:
            self.set("rst", 1)
            self.step()
            self.set("rst", 0)

    def run(self, inputs: Mapping[str, Sequence[int]], outputs: Sequence[str]) -> dict[str, list[int]]:
        """Makes one cycle for each element of the inputs' lists, which have one length.

        Returns for each output its value in each cycle, settled with that cycle's inputs: what a register
        outside would take at the edge that ends the cycle. Inputs keep their last values. Raises as `set` and
        `step`.
        """
        lengths = {len(values) for values in inputs.values()}
        if len(lengths) != 1:
            raise ValueError(f"input lists of lengths {sorted(lengths)}: one length is needed")
        cycles = lengths.pop()
        if not all(self._ports[name].settable for name in inputs):
            raise KeyError(f"an output of {self.name} cannot be set")
        self._take(cycles)
        given = [_pack(name, self._ports[name], values) for name, values in inputs.items()]
        sampled = [ctypes.create_string_buffer(self._ports[name].storage * cycles + 1) for name in outputs]
        self._check(
            self._library.block_run(
                self._handle, cycles,
                len(given), _indices(self._ports, inputs), (ctypes.c_char_p * len(given))(*given),
                len(sampled), _indices(self._ports, outputs),
                (ctypes.c_void_p * len(sampled))(*map(ctypes.addressof, sampled)),
            )
        )  # fmt: skip
        self._settled = True
        return {
            name: _unpack(self._ports[name], buffer.raw[: self._ports[name].storage * cycles])
            for name, buffer in zip(outputs, sampled, strict=True)
        }

    def _take(self, cycles: int) -> None:
        if self.cycles + cycles > self.cycle_limit:
            raise CycleLimit(f"{self.name}: {cycles} more cycles exceed the limit of {self.cycle_limit}")
        self.cycles += cycles

    def _check(self, status: int) -> None:
        if status:
            raise AssertionError(f"{self.name}: {self._library.block_failure(self._handle).decode()}")


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


def _ports(component: Component, lines: Sequence[str]) -> dict[str, _Port]:
    members = {
        "__".join(map(str, path)): (Shape.cast(member.shape).signed, member.flow == In)
        for path, member, _ in component.signature.flatten(component)
    }
    ports = {}
    for index, line in enumerate(lines):
        name, width = line.split()
        if name in members:
            ports[name] = _Port(index, int(width), *members[name])
        elif name == "rst":
            ports[name] = _Port(index, int(width), False, True)
    return ports


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


def _cell_type(port: _Port) -> type:
    return next((cell for bits, cell, _ in _STORAGE if port.width <= bits), ctypes.c_char * port.storage)


def _wrapped(name: str, port: _Port, value: int) -> int:
    """The port's bits for a value, negative only if the port is signed."""
    low, high = (-(1 << (port.width - 1)), 1 << (port.width - 1)) if port.signed else (0, 1 << port.width)
    if not low <= value < high:
        sign = "signed" if port.signed else "unsigned"
        raise ValueError(f"{value:#x} does not fit {name}, {sign} {port.width} bits")
    return value & ((1 << port.width) - 1)


def _pack(name: str, port: _Port, values: Sequence[int]) -> bytes:
    bits = [_wrapped(name, port, value) for value in values]
    if port.width <= 64:
        return array(next(code for width, _, code in _STORAGE if port.width <= width), bits).tobytes()
    return b"".join(value.to_bytes(port.storage, "little") for value in bits)


def _unpack(port: _Port, data: bytes) -> list[int]:
    if port.width <= 64:
        code = next(code for width, _, code in _STORAGE if port.width <= width)
        values = array(code, data).tolist()
    else:
        size = port.storage
        values = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
    if port.signed:
        return [value - (1 << port.width) if value >> (port.width - 1) else value for value in values]
    return values


def _indices(ports: Mapping[str, _Port], names: Mapping[str, Sequence[int]] | Sequence[str]) -> ctypes.Array:
    return (ctypes.c_uint32 * len(names))(*(ports[name].index for name in names))
