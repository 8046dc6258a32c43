"""How requests of the chip's own group are made: anew while the chip is busy, within bounds."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from formats.link import USER_GROUP, ChipError, Command
from host.link.exchange import Exchange
from host.link.message import ChipRefusal, Operation

BUSY_PAUSE = 0.05
"""Seconds before a request that the chip was too busy for is made anew."""

PASSING = (ChipError.BUSY, ChipError.HELD)
"""Refusals that pass by themselves, or by what the caller does meanwhile."""


def nothing() -> None:
    """What is done meanwhile unless somebody says otherwise."""


class Requests:
    """Requests over an exchange.

    meanwhile: called again and again while the chip is busy or held, so that whoever waits can relay receipts to it.
    Time spent there does not count against a request's bound. What it raises ends the wait.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.meanwhile: Callable[[], object] = nothing
        self._is_meanwhile = False

    def _read(self, command: Command, body: Mapping[str, object] | None = None) -> Mapping[str, object]:
        return self.exchange.request(Operation.READ, USER_GROUP, command, body or {})

    def _write(self, command: Command, body: Mapping[str, object]) -> Mapping[str, object]:
        """A request that changes something; made anew, with another id, while the chip is busy and time is left."""
        for last in self._waits(self.exchange.timeout):
            try:
                request = {**body, "id": secrets.randbits(32)}
                return self.exchange.request(Operation.WRITE, USER_GROUP, command, request)
            except ChipRefusal as refusal:
                if refusal.error not in PASSING or last:
                    raise
        raise AssertionError("the last wait returns or raises")

    def _waits(self, seconds: float) -> Iterator[bool]:
        """Yields until `seconds` have passed, with pauses; the last time True."""
        deadline = time.monotonic() + seconds
        while True:
            last = time.monotonic() > deadline
            yield last
            if last:
                return
            started = time.monotonic()
            self._do_meanwhile()
            deadline += time.monotonic() - started
            time.sleep(BUSY_PAUSE)

    def _do_meanwhile(self) -> None:
        """Not from within itself: what is done meanwhile makes requests too."""
        if self._is_meanwhile:
            return
        with self._meanwhile():
            self.meanwhile()

    @contextmanager
    def _meanwhile(self) -> Iterator[None]:
        self._is_meanwhile = True
        try:
            yield
        finally:
            self._is_meanwhile = False
