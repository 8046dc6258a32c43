"""The board on USB, and its serial port: attached, allowed, free."""

import os
from collections.abc import Iterator
from pathlib import Path

from boards.board import Board, Tool
from host.errors import PortBusy, PortError, PortForbidden
from host.link.serial_port import SerialPort

from .findings import Finding
from .machine import Machine
from .udev import FILE, INSTALL, rule_for
from .usb import UsbDevice, likely_ports, programmers, usb_devices

REPLUG = "then plug the board in again"


def board_findings(machine: Machine, board: Board) -> Iterator[Finding]:
    """Whether the board's USB device is attached and may be opened, and its link's port too."""
    devices = usb_devices(machine)
    found = programmers(board, devices)
    yield _attached(board, found)
    for device in found:
        yield _allowed(machine, device)
    yield _rule(machine, board, found)
    if board.link_usb is None or any(device.usb == board.link_usb for device in devices):
        yield from _ports(machine, board, likely_ports(board, devices))


def attached_findings(machine: Machine, boards: list[Board]) -> Iterator[Finding]:
    """Each USB device that may be one of the boards."""
    for device in usb_devices(machine):
        titles = ", ".join(board.name for board in boards if board.programmer.usb == device.usb)
        if titles:
            yield Finding("flash", f"USB {device.usb}", True, f"{_text(device)}, may be: {titles}")
            yield _allowed(machine, device, needed=False)


def _text(device: UsbDevice) -> str:
    return f"{device.product or 'a device without a name'} at {device.name}"


def _attached(board: Board, found: list[UsbDevice]) -> Finding:
    usb = board.programmer.usb
    if not found:
        how = (
            "hold the board's button while you plug it in: its bootloader is there only then"
            if board.programmer.tool is Tool.DFU_UTIL
            else "connect the board, with a cable that carries data"
        )
        return Finding("flash", f"USB {usb}", False, "no such device is attached", how, True)
    names = "; ".join(map(_text, found))
    if len(found) > 1:
        return Finding(
            "flash", f"USB {usb}", False, f"{len(found)} are attached: {names}", "leave one connected", True
        )
    return Finding("flash", f"USB {usb}", True, names, needed=True)


def _allowed(machine: Machine, device: UsbDevice, needed: bool = True) -> Finding:
    subject = f"access to USB {device.usb}"
    if not device.node.exists():
        return Finding(
            "flash", subject, False, f"{device.node} is not there", "run this where /dev/bus/usb is", needed
        )
    if machine.may_use(device.node):
        return Finding("flash", subject, True, str(device.node), needed=needed)
    return Finding("flash", subject, False, f"this user may not open {device.node}", f"{INSTALL}; {REPLUG}", needed)


def _rule(machine: Machine, board: Board, found: list[UsbDevice]) -> Finding:
    name = rule_for(board.programmer.usb, machine)
    if name is not None:
        return Finding("flash", "udev rule", True, name, needed=True)
    if machine.is_root or any(machine.may_use(device.node) for device in found if device.node.exists()):
        return Finding("flash", "udev rule", True, "none, and none is needed for this user", needed=True)
    return Finding("flash", "udev rule", False, f"{FILE} is not installed", f"{INSTALL}; {REPLUG}", True)


def _ports(machine: Machine, board: Board, ports: list[Path]) -> Iterator[Finding]:
    if not ports:
        fix = (
            f"connect {board.link}"
            if board.link_usb is None
            else "plug the board in again: programmers can leave its port detached"
        )
        yield Finding("link", "serial port", False, "none that can be the board's", fix)
    for port in ports:
        yield _port(machine, port, board.baud)


def _port(machine: Machine, port: Path, baud: int) -> Finding:
    """Opens the port for a moment, for ourselves alone."""
    subject = f"/dev/{port.name}"
    if not port.exists():
        return Finding("link", subject, False, "it is not there", "plug the board in again")
    if not machine.may_use(port):
        fix = "sudo usermod -aG dialout $USER, and log in again; or the udev rules: livetrap doctor --udev"
        return Finding("link", subject, False, "this user may not open it", fix, True)
    try:
        SerialPort(str(port), baud).close()
    except PortBusy:
        holder = holder_of(machine, subject)
        return Finding("link", subject, False, "another program holds it", f"end {holder or 'that program'}", True)
    except PortForbidden as error:
        return Finding("link", subject, False, str(error), "sudo usermod -aG dialout $USER, and log in again", True)
    except PortError as error:
        return Finding("link", subject, False, str(error), "plug the board in again", True)
    return Finding("link", subject, True, f"free, opens at {baud} baud")


def holder_of(machine: Machine, device: str) -> str | None:
    """The program that has a device open, as "name (process N)"; None if it is another user's."""
    for link in machine.path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == device:
                process = link.parents[1]
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return None
