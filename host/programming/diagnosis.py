"""What the messages of openFPGALoader, libftdi, libusb, dfu-util and the loader mean, and what to do."""

import re
from typing import NamedTuple

from .ecp5_bitstream import device_of


class Fault(NamedTuple):
    """cause: what happened. advice: what to do; {board} stands for the board's name. wrote_nothing: it is certain
    that the board is as it was."""

    cause: str
    advice: str
    wrote_nothing: bool


_DOCTOR = "see 'livetrap doctor {board}'"
_PERMISSION = "install the udev rules: 'livetrap doctor --udev' says how"

_FAULTS: tuple[tuple[re.Pattern[str], Fault], ...] = tuple(
    (re.compile(pattern), Fault(*fault))
    for pattern, fault in (
        (
            r"unable to open ftdi device: -3 ",
            ("no such board is on USB", f"connect it with a cable that carries data; {_DOCTOR}", True),
        ),
        (
            r"unable to open ftdi device: -(4|8) |LIBUSB_ERROR_ACCESS|Check permissions for ",
            ("this user may not open the board's USB device", _PERMISSION, True),
        ),
        (
            r"unable to open ftdi device: -5 |LIBUSB_ERROR_BUSY",
            ("another program holds the board's USB device", "end it, and repeat the command", True),
        ),
        (
            r"unable to open ftdi device: -\d+ |low level FTDI init failed|Error: Failed to claim cable",
            (
                "the board's USB device does not answer",
                "unplug the board, plug it in again, repeat the command",
                True,
            ),
        ),
        (
            r"No DFU capable USB device available|No DFU compatible device found",
            (
                "the board's bootloader is not on USB",
                "hold the board's button while you plug it in, and repeat the command",
                True,
            ),
        ),
        (
            r"More than one DFU capable USB device found|more than one CMSIS-DAP|more than one FPGA found",
            ("more than one such board is on USB", "leave one connected, and repeat the command", True),
        ),
        (
            r"No CMSIS-DAP v1 device found|JTAG init failed with: No device found",
            ("no such board is on USB", f"connect it with a cable that carries data; {_DOCTOR}", True),
        ),
        (
            r"support for \w+ was not enabled at compile time",
            (
                "this openFPGALoader was built without support for the board's programmer",
                "install another: 'apt-get install openfpgaloader'",
                True,
            ),
        ),
        (
            r"Error: cannot find board |Error parsing options|unrecognized option|Option .* does not exist",
            ("the programmer does not know this board or an option", "install a newer version of it", True),
        ),
        (
            r"Error: no device found",
            ("no FPGA answers on JTAG", "check that the board has power, and repeat the command", True),
        ),
        (
            r"Error: device \w+ not supported",
            ("what answers on JTAG is no FPGA that is known", "check the cable, and repeat the command", True),
        ),
        (
            r"block protection is set",
            (
                "the flash is write-protected",
                "add --unprotect-flash to the command that --dry-run prints, and run it once",
                True,
            ),
        ),
        (r"flash overflow", ("the board's flash is too small", "this is not the board that was named", True)),
        (
            r"Read ID failed",
            ("the board's flash does not answer", "power the board off and on, repeat the command", True),
        ),
        (
            r"LIBUSB_ERROR_(NO_DEVICE|IO|PIPE|TIMEOUT|OVERFLOW)|usb bulk (write|read) failed|Lost device",
            ("the board was lost in the middle", "plug it in again, and repeat the command", False),
        ),
        (r"write en: Error|wait: Error|^timeout: ", ("the flash stopped answering", "repeat the command", False)),
    )
)

_LIBRARY = re.compile(r"error while loading shared libraries: (\S+): cannot open shared object file")
_IDCODES = re.compile(r"bitstream has (0x[0-9A-Fa-f]+) hardware requires (0x[0-9A-Fa-f]+)")
_STATUS = re.compile(r"status\((\d+)\) = (.+)")


def fault_in(line: str) -> Fault | None:
    """What a line of a programmer's output says went wrong, or None."""
    if line.endswith("-> skip"):  # other devices, which it comes across
        return None
    if match := _LIBRARY.search(line):
        return Fault(f"the programmer does not start for want of {match[1]}", _DOCTOR, True)
    if match := _IDCODES.search(line):
        return _other_part(int(match[1], 16), int(match[2], 16))
    if (match := _STATUS.search(line)) and int(match[1]):
        return Fault(f"the bootloader refuses: {match[2]}", "plug the board in again, and repeat the command", False)
    return next((fault for pattern, fault in _FAULTS if pattern.search(line)), None)


def _other_part(wanted: int, found: int) -> Fault:
    device = device_of(found)
    if device is None:
        return Fault(
            f"JTAG answers {found:#010x}, which is no ECP5", "check cable and power, and repeat the command", True
        )
    return Fault(
        f"the board holds an {device}, the bitstream is for an {device_of(wanted) or f'{wanted:#010x}'}",
        "build for the board that you have: 'livetrap boards' lists them",
        True,
    )
