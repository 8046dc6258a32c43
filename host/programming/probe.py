"""Which port a board's chip is at, and waiting until it answers there."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from boards.board import Board
from host.device import Device
from host.errors import LinkError, LinkTimeout, LivetrapError, PortAbsent, PortError, PortLost

from .machine import Machine
from .usb import likely_ports, usb_devices

Answer = TypeVar("Answer")

ANSWER_SECONDS = 15.0
PORT_SECONDS = 5.0
"""Programmers take a port from the kernel, and give it back when they end."""

ATTEMPT_SECONDS = 2.0
LOOK_SECONDS = 0.2


class NoAnswer(LivetrapError):
    """No chip answered at a port."""

    exit_code = 3


def find_port(board: Board, machine: Machine, seconds: float) -> Path | None:
    """The one serial port that the board's link can be, or None if there are none or several.

    For so long it waits for the port of a link that is attached.
    """
    end = time.monotonic() + seconds
    while True:
        devices = usb_devices(machine)
        found = likely_ports(board, devices)
        is_attached = any(device.usb == board.link_usb for device in devices)
        if found or not is_attached or time.monotonic() > end:
            return found[0] if len(found) == 1 else None
        time.sleep(LOOK_SECONDS)


def wait_for_chip(port: str, baud: int, ask: Callable[[Device], Answer], seconds: float) -> Answer:
    """What `ask` returns of the chip at a port, as soon as one answers there.

    A port that is not there yet is waited for. Raises NoAnswer after so many seconds, or at once when the port cannot
    be used, or the chip refuses.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            with Device.open(port, baud, min(ATTEMPT_SECONDS, seconds)) as device:
                return ask(device)
        except (PortAbsent, PortLost, LinkTimeout, LinkError) as error:
            last = error
        except LivetrapError as error:
            raise NoAnswer(str(error)) from error
        if time.monotonic() > end:
            reason = str(last) if isinstance(last, PortError) else f"port {port}: nothing answers as a chip does"
            raise NoAnswer(f"{reason} (tried for {seconds:g} s)") from last
        time.sleep(LOOK_SECONDS)
