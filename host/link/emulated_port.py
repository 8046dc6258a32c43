"""The port name `sim`: an emulated chip of its own, which stops when the port is closed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from host.errors import LivetrapError, PortAbsent

from .serial_port import SerialPort
from .transport import Transport

NAME = "sim"
DEFAULT_CONFIG = "full"


@contextmanager
def start_chip(**options: Any) -> Iterator[Any]:
    """A running sim.rtl.chip.Chip with these options.

    Raises PortAbsent when the emulator is not installed, LivetrapError with its own reason when it does not start.
    """
    try:
        from rtl.config import CONFIGS
        from sim.rtl.chip import Chip, EmulatorError
        from sim.rtl.verilator import BuildError

        config = options.get("config", DEFAULT_CONFIG)
        if config not in CONFIGS:
            raise LivetrapError(f"no chip configuration {config!r}: there are {', '.join(CONFIGS)}")
        chip = Chip(**options)
    except ModuleNotFoundError as error:
        raise PortAbsent(
            f"port {NAME}: the emulator is not installed (no module {error.name!r}): "
            "run pip install '.[emulator]' in livetrap's repository"
        ) from error
    except (BuildError, EmulatorError) as error:
        raise LivetrapError(" ".join(str(error).split())) from error
    try:
        with chip:
            yield chip
    except EmulatorError as error:
        raise LivetrapError(" ".join(str(error).split())) from error


class EmulatedPort(Transport):
    """Starts an emulated chip and talks to it over its pty. Raises PortError as `start_chip` does."""

    def __init__(self, config: str = DEFAULT_CONFIG, seed: int = 0) -> None:
        self.name = NAME
        with ExitStack() as stack:
            chip = stack.enter_context(start_chip(config=config, seed=seed, link="pty"))
            self._port: Transport = stack.enter_context(SerialPort(chip.port))
            self._stack = stack.pop_all()

    def send(self, data: bytes) -> None:
        """As `Transport.send`."""
        self._port.send(data)

    def receive(self, timeout: float) -> bytes:
        """As `Transport.receive`."""
        return self._port.receive(timeout)

    def close(self) -> None:
        """Closes the link and ends the emulated chip; a second call does nothing."""
        self._stack.close()
