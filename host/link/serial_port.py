"""Serial devices and pseudo-terminals, through pyserial, held for one program alone."""

import errno
import termios

import serial

from host.errors import PortAbsent, PortBusy, PortError, PortForbidden, PortLost

from .transport import Transport

DEFAULT_BAUD = 115200
SEND_BOUND = 10.0
"""Seconds that sending one packet may take."""

_REFUSALS: dict[int, tuple[type[PortError], str]] = {
    errno.ENOENT: (PortAbsent, "there is no such port"),
    errno.ENODEV: (PortAbsent, "the device behind this port is not there"),
    errno.ENXIO: (PortAbsent, "the device behind this port is not there"),
    errno.EIO: (PortAbsent, "the device behind this port is not there"),
    errno.EACCES: (PortForbidden, "this user may not open the port"),
    errno.EPERM: (PortForbidden, "this user may not open the port"),
    errno.EBUSY: (PortBusy, "another program holds the port"),
    errno.EAGAIN: (PortBusy, "another program holds the port"),
    errno.ENOTTY: (PortError, "this is not a serial port"),
    errno.EISDIR: (PortError, "this is not a serial port"),
}


class SerialPort(Transport):
    """A serial device or a pty.

    Raises PortAbsent, PortBusy, PortForbidden or another PortError when it cannot be opened.
    """

    def __init__(self, name: str, baud: int = DEFAULT_BAUD) -> None:
        self.name = name
        try:
            self._port = serial.Serial(name, baud, timeout=0, write_timeout=SEND_BOUND, exclusive=True)
        except serial.SerialException as error:
            raise _refusal(name, error) from error
        except (ValueError, termios.error) as error:
            raise PortError(f"port {name}: this is not a serial port that takes {baud} baud") from error

    def send(self, data: bytes) -> None:
        """As `Transport.send`. Raises PortLost also when the port takes no more bytes in time."""
        try:
            self._port.write(data)
        except serial.SerialTimeoutException as error:
            raise PortLost(f"port {self.name}: takes no more bytes") from error
        except (OSError, TypeError) as error:
            raise self._lost() from error

    def receive(self, timeout: float) -> bytes:
        """As `Transport.receive`."""
        try:
            self._port.timeout = timeout
            first: bytes = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else first
        except (OSError, TypeError) as error:
            # SerialException is an OSError; pyserial raises TypeError when the port is closed under a read.
            raise self._lost() from error

    def close(self) -> None:
        """As `Transport.close`."""
        self._port.close()

    def _lost(self) -> PortLost:
        return PortLost(f"port {self.name}: went away while in use (unplugged, or the chip was stopped)")


def _refusal(name: str, error: serial.SerialException) -> PortError:
    """The reason for which pyserial could not open a port, in one line."""
    number = error.errno
    if number is None:
        cause = error.__context__
        number = getattr(cause, "errno", None) or (cause.args[0] if cause and cause.args else None)
    if isinstance(number, int) and number in _REFUSALS:
        kind, reason = _REFUSALS[number]
        return kind(f"port {name}: {reason}")
    if "exclusively lock" in str(error):
        return PortBusy(f"port {name}: another program holds the port")
    return PortError(f"port {name}: {' '.join(str(error).split())}")
