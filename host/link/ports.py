"""Port names to transports, and the list of serial ports."""

from dataclasses import dataclass

from serial.tools import list_ports

from .emulated_port import NAME as SIM
from .emulated_port import EmulatedPort
from .serial_port import DEFAULT_BAUD, SerialPort
from .tcp_port import SCHEME, TcpPort
from .transport import Transport


def open_port(name: str, baud: int = DEFAULT_BAUD) -> Transport:
    """The transport for a port name: a serial device, a pty, `tcp://HOST:PORT`, or `sim`.

    baud: of a serial device. Raises PortError, or the kind of it that says why the port cannot be used.
    """
    if name == SIM:
        return EmulatedPort()
    if name.startswith(SCHEME):
        return TcpPort(name)
    return SerialPort(name, baud)


@dataclass(frozen=True)
class PortEntry:
    """A serial port of this machine; usb is "vid:pid" in hex, or None."""

    device: str
    description: str
    usb: str | None
    serial_number: str | None


def serial_ports() -> list[PortEntry]:
    """The serial ports that the operating system lists, by name."""
    return [
        PortEntry(
            device=port.device,
            description=port.description,
            usb=None if port.vid is None else f"{port.vid:04x}:{port.pid:04x}",
            serial_number=port.serial_number,
        )
        for port in sorted(list_ports.comports(), key=lambda port: port.device)
    ]
