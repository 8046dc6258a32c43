"""USB devices and their serial ports, from sysfs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boards.board import Board, UsbId

from .machine import Machine

DEVICES = "/sys/bus/usb/devices"
DFU_DESCRIPTOR = 0x21
DFU_DESCRIPTOR_BYTES = 9
CAN_UPLOAD = 0x02
"""In bmAttributes of a DFU functional descriptor (USB DFU 1.1, 4.1.3)."""


@dataclass(frozen=True)
class UsbDevice:
    """name: its directory in sysfs. product: what it calls itself, may be empty. node: what programs open.

    ports: its serial ports, by number of the USB interface. can_upload: it speaks DFU, and lets its memory be read.
    """

    name: str
    usb: UsbId
    product: str
    node: Path
    ports: tuple[Path, ...]
    can_upload: bool


def usb_devices(machine: Machine) -> list[UsbDevice]:
    """All that are attached, by name; entries that cannot be read are left out."""
    found = []
    for directory in sorted(machine.path(DEVICES).glob("*")):
        try:
            found.append(_device(machine, directory))
        except (OSError, ValueError):
            continue
    return found


def _device(machine: Machine, directory: Path) -> UsbDevice:
    """Raises OSError or ValueError for what is not a device: interfaces, or one that is just being unplugged."""
    product = directory / "product"
    bus, number = (int((directory / name).read_text()) for name in ("busnum", "devnum"))
    vendor, kind = (int((directory / name).read_text(), 16) for name in ("idVendor", "idProduct"))
    return UsbDevice(
        name=directory.name,
        usb=UsbId(vendor, kind),
        product=product.read_text(errors="replace").strip() if product.exists() else "",
        node=machine.path(f"/dev/bus/usb/{bus:03}/{number:03}"),
        ports=tuple(_ports(machine, directory)),
        can_upload=_can_upload(directory / "descriptors"),
    )


def _ports(machine: Machine, directory: Path) -> Iterator[Path]:
    for interface in sorted(directory.parent.glob(f"{directory.name}:*")):
        for port in sorted([*interface.glob("ttyUSB*"), *interface.glob("tty/tty*")]):
            yield machine.path(f"/dev/{port.name}")


def _can_upload(descriptors: Path) -> bool:
    """Whether a DFU functional descriptor among a device's descriptors says so."""
    data = descriptors.read_bytes() if descriptors.exists() else b""
    at = 0
    while at + 2 <= len(data) and data[at] >= 2:
        size, kind = data[at], data[at + 1]
        if kind == DFU_DESCRIPTOR and size == DFU_DESCRIPTOR_BYTES and at + size <= len(data):
            return bool(data[at + 2] & CAN_UPLOAD)
        at += size
    return False


def programmers(board: Board, devices: list[UsbDevice]) -> list[UsbDevice]:
    """Those that the board's programmer may be."""
    return [device for device in devices if device.usb == board.programmer.usb]


def likely_ports(board: Board, devices: list[UsbDevice]) -> list[Path]:
    """Serial ports on which the board's link may be.

    On a board with a link of its own, the last port of each such device: the first of two is the programmer's. On
    another board, every USB serial port.
    """
    if board.link_usb is None:
        return [port for device in devices for port in device.ports]
    return [device.ports[-1] for device in devices if device.usb == board.link_usb and device.ports]
