"""What a host link runs over: a stream of bytes both ways, behind one interface."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Transport(ABC):
    """An open byte stream to a chip. Every wait is bounded; a port that goes away raises PortLost."""

    name: str
    """The port as the user named it."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Sends all of `data`."""

    @abstractmethod
    def receive(self, timeout: float) -> bytes:
        """The bytes that are there, at least one; none when `timeout` seconds pass without any."""

    @abstractmethod
    def close(self) -> None:
        """Releases the port; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
