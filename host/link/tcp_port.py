"""A chip's link over TCP: `tcp://HOST:PORT`."""

import select
import socket
from urllib.parse import urlsplit

from host.errors import PortAbsent, PortError, PortForbidden, PortLost

from .transport import Transport

SCHEME = "tcp://"
CONNECT_BOUND = 5.0
"""Seconds within which the connection must stand."""
SEND_BOUND = 10.0


class TcpPort(Transport):
    """A TCP connection. Raises PortError for a bad name, PortAbsent when nothing answers there."""

    def __init__(self, name: str) -> None:
        self.name = name
        host, port = _address(name)
        try:
            self._socket = socket.create_connection((host, port), CONNECT_BOUND)
        except PermissionError as error:
            raise PortForbidden(f"port {name}: this user may not open the port") from error
        except TimeoutError as error:
            raise PortAbsent(f"port {name}: no answer within {CONNECT_BOUND:g} s") from error
        except OSError as error:
            reason = "nothing listens there" if isinstance(error, ConnectionRefusedError) else error.strerror or error
            raise PortAbsent(f"port {name}: {reason}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(SEND_BOUND)

    def send(self, data: bytes) -> None:
        """As `Transport.send`."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost() from error

    def receive(self, timeout: float) -> bytes:
        """As `Transport.receive`. Raises PortLost also when the other end has closed the connection."""
        try:
            if not select.select([self._socket], [], [], timeout)[0]:
                return b""
            data = self._socket.recv(4096)
        except (OSError, ValueError) as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        return data

    def close(self) -> None:
        """As `Transport.close`."""
        self._socket.close()

    def _lost(self) -> PortLost:
        return PortLost(f"port {self.name}: the connection was closed (the chip was stopped, or serves someone else)")


def _address(name: str) -> tuple[str, int]:
    try:
        parts = urlsplit(name)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.path not in ("", "/"):
        raise PortError(f"port {name}: a TCP port is named tcp://HOST:PORT")
    return host, port
