"""udev rules that let a user who sits at the machine open the boards' USB devices and serial ports."""

import re
from collections.abc import Iterable, Iterator

from boards.board import Board, UsbId

from .machine import Machine

FILE = "60-livetrap.rules"
INSTALLED = f"/etc/udev/rules.d/{FILE}"
INSTALL = f"livetrap doctor --udev | sudo tee {INSTALLED} && sudo udevadm control --reload && sudo udevadm trigger"
DIRECTORIES = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")

_HEAD = f"""\
# Boards that livetrap builds for: access for whoever is logged in at the machine, and for group plugdev.
# ModemManager is kept from talking to them. To install:
#   {INSTALL}
# then plug the boards in again.
ACTION=="remove", GOTO="livetrap_end"
SUBSYSTEM!="usb|tty|hidraw", GOTO="livetrap_end"
"""
_TAIL = """\

LABEL="livetrap_end"
"""
_RULES = """\

# {titles}
SUBSYSTEM=="usb|hidraw", {device}, MODE="0660", GROUP="plugdev", TAG+="uaccess", ENV{{ID_MM_DEVICE_IGNORE}}="1"
SUBSYSTEM=="tty", {device}, TAG+="uaccess", ENV{{ID_MM_DEVICE_IGNORE}}="1"
"""


def devices_of(board: Board) -> tuple[UsbId, ...]:
    """The USB devices that the board's programmer and link appear as."""
    link = board.link_usb
    return (board.programmer.usb,) if link in (None, board.programmer.usb) else (board.programmer.usb, link)


def rules(boards: Iterable[Board]) -> str:
    """The rules file for these boards."""
    titles: dict[UsbId, list[str]] = {}
    for board in boards:
        for usb in devices_of(board):
            titles.setdefault(usb, []).append(board.title)
    return _HEAD + "".join(map(_rules_for, titles.items())) + _TAIL


def _rules_for(item: tuple[UsbId, list[str]]) -> str:
    usb, titles = item
    device = f'ATTRS{{idVendor}}=="{usb.vendor:04x}", ATTRS{{idProduct}}=="{usb.product:04x}"'
    return _RULES.format(titles=", ".join(titles), device=device)


def rule_for(usb: UsbId, machine: Machine) -> str | None:
    """The name of an installed file with a rule for this device, ours or another's; None if there is none."""
    for name, line in _lines(machine):
        if all(
            re.search(rf'{key}\}}=="{value:04x}"', line, re.IGNORECASE)
            for key, value in (("idVendor", usb.vendor), ("idProduct", usb.product))
        ):
            return name
    return None


def _lines(machine: Machine) -> Iterator[tuple[str, str]]:
    """File name and line of every rule that is installed."""
    for directory in DIRECTORIES:
        for file in sorted(machine.path(directory).glob("*.rules")):
            try:
                text = file.read_text(errors="replace").replace("\\\n", "")
            except OSError:
                continue
            for line in text.splitlines():
                if not line.lstrip().startswith("#"):
                    yield file.name, line
