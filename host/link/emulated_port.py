"""The port name `sim`: an emulated chip of its own, which stops when the port is closed."""

from contextlib import ExitStack
from typing import Any

from host.errors import PortAbsent

from .serial_port import SerialPort
from .transport import Transport

NAME = "sim"


def emulator() -> Any:
    """The class sim.rtl.chip.Chip. Raises PortAbsent when the emulator is not installed."""
    try:
        from sim.rtl.chip import Chip
    except ModuleNotFoundError as error:
        raise PortAbsent(
            f"port {NAME}: the emulator is not installed (no module {error.name!r}): pip install 'livetrap[emulator]'"
        ) from error
    return Chip


class EmulatedPort(Transport):
    """Starts an emulated chip and talks to it over its pty. Raises PortAbsent when there is no emulator."""

    def __init__(self, config: str = "full", seed: int = 0) -> None:
        self.name = NAME
        with ExitStack() as stack:
            chip = stack.enter_context(emulator()(config=config, seed=seed, link="pty"))
            self._port: Transport = stack.enter_context(SerialPort(chip.port))
            self._stack = stack.pop_all()

    def send(self, data: bytes) -> None:
        self._port.send(data)

    def receive(self, timeout: float) -> bytes:
        return self._port.receive(timeout)

    def close(self) -> None:
        self._stack.close()
