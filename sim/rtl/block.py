"""One RTL block, verilated to a shared library and driven from Python: what the unit tests run on."""

import ctypes
import re
from collections.abc import Mapping, Sequence

from amaranth.lib.wiring import Component

from .block_library import open_library
from .block_port import Port


class CycleLimit(Exception):
    """The simulation has made all the cycles that it was allowed."""


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
        self._library, self._ports = open_library(component, self.name)
        self._handle: int | None = None
        self.power_on()

    def power_on(self) -> None:
        """Starts again from initial values, memories too. Inputs become zero; `cycles` counts on."""
        self.close()
        self._handle = self._library.block_create()
        self._cells = {
            name: port.cell_type.from_address(self._library.block_port(self._handle, port.index))
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
            value = port.bits(value)
        if port.width > 64:
            self._cells[name].raw = value.to_bytes(port.storage, "little")
        else:
            self._cells[name].value = value
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
        bits: int = int.from_bytes(cell.raw, "little") if port.width > 64 else cell.value
        return port.value(bits) if port.signed else bits

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
        wanted = port.bits(value).to_bytes(port.storage, "little")
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
        sources, sinks = [self._ports[name] for name in inputs], [self._ports[name] for name in outputs]
        if not all(port.settable for port in sources):
            raise KeyError(f"an output of {self.name} cannot be set")
        given = [port.pack(values) for port, values in zip(sources, inputs.values(), strict=True)]
        sampled = [ctypes.create_string_buffer(port.storage * cycles + 1) for port in sinks]
        self._take(cycles)
        self._check(
            self._library.block_run(
                self._handle, cycles,
                len(given), _indices(sources), (ctypes.c_char_p * len(given))(*given),
                len(sampled), _indices(sinks), (ctypes.c_void_p * len(sampled))(*map(ctypes.addressof, sampled)),
            )
        )  # fmt: skip
        self._settled = True
        return {port.name: port.unpack(each.raw[:-1]) for port, each in zip(sinks, sampled, strict=True)}

    def _take(self, cycles: int) -> None:
        if self.cycles + cycles > self.cycle_limit:
            raise CycleLimit(f"{self.name}: {cycles} more cycles exceed the limit of {self.cycle_limit}")
        self.cycles += cycles

    def _check(self, status: int) -> None:
        if status:
            raise AssertionError(f"{self.name}: {self._library.block_failure(self._handle).decode()}")


def _indices(ports: Sequence[Port]) -> ctypes.Array:
    return (ctypes.c_uint32 * len(ports))(*(port.index for port in ports))
