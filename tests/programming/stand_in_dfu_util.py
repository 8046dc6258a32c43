"""A stand-in for dfu-util 0.11 with an OrangeCrab's bootloader: the same strictness, the same words and codes."""

import shutil
from pathlib import Path

from stand_in import StandIn

HEAD = """dfu-util 0.11

Copyright 2005-2009 Weston Schmidt, Harald Welte and OpenMoko Inc.
Copyright 2010-2021 Tormod Volden and Stefan Schmidt
This program is Free Software and has ABSOLUTELY NO WARRANTY
Please report bugs to http://sourceforge.net/p/dfu-util/tickets/
"""
OFFSETS = {"0": 0x80000, "1": 0x100000}
IO_ERROR, USAGE = 74, 64
NONE_THERE = "dfu-util: No DFU capable USB device available"

AT_START = {
    "not found": NONE_THERE,
    "no permission": "dfu-util: Cannot open DFU device 1209:5af0 found on devnum 7 (LIBUSB_ERROR_ACCESS)\n"
    + NONE_THERE,
    "busy": "dfu-util: Cannot claim interface - LIBUSB_ERROR_BUSY",
    "two devices": "dfu-util: More than one DFU capable USB device found! Try `--list' and specify the serial number "
    "or disconnect all but one device",
}


class DfuUtil(StandIn):
    """One run."""

    def lost(self) -> None:
        """As when USB is pulled."""
        self.leave(IO_ERROR, "dfu-util: Error during download get_status (LIBUSB_ERROR_NO_DEVICE)")

    def main(self) -> None:
        """From the arguments to the exit code."""
        if self.arguments == ["-V"]:
            self.say(HEAD)
            return
        if len(self.arguments) not in (6, 8) or self.arguments[:3] != ["--device", "1209:5af0", "--alt"]:
            self.leave(USAGE, f"stand-in: not the arguments that are expected: {self.arguments}")
        offset, mode, file = OFFSETS[self.arguments[3]], self.arguments[4], Path(self.arguments[5])
        self.say(HEAD)
        if mode == "--download" and len(self.arguments) == 6:
            self.complain("dfu-util: Warning: Invalid DFU suffix signature")
            self.complain("dfu-util: A valid DFU suffix will be required in a future dfu-util release")
        self.upset("starting")
        if self.scenario in AT_START:
            self.leave(IO_ERROR, AT_START[self.scenario])
        self.say("Opening DFU capable USB device...\nDevice ID 1209:5af0\nDevice DFU version 0101")
        self.say(f"Claiming USB DFU Interface...\nSetting Alternate Interface #{self.arguments[3]} ...")
        self.say("DFU state(2) = dfuIDLE, status(0) = No error condition is present")
        if mode == "--download" and len(self.arguments) == 6:
            self.download(offset, file.read_bytes())
        elif mode == "--upload" and self.arguments[6] == "--upload-size" and not file.exists():
            self.upload(offset, file, int(self.arguments[7]))
        else:
            self.leave(USAGE, f"stand-in: not the arguments that are expected: {self.arguments}")

    def bar(self, name: str, percent: int, size: int) -> str:
        """Progress, from the begin of the line."""
        filled = percent // 4
        return f"\r{name}\t[{'=' * filled}{' ' * (25 - filled)}] {percent:3d}% {size:12d} bytes"

    def download(self, offset: int, data: bytes) -> None:
        """To the board."""
        self.say("Copying data from PC to DFU device")
        half = len(data) // 2
        self.write(offset, data[:half])
        self.say(self.bar("Download", 0, 0), end="")
        self.say(self.bar("Download", 50, half), end="")
        self.upset("writing")
        if self.scenario == "refused":
            self.say(" failed!")
            self.say("DFU state(10) = dfuERROR, status(3) = Device is unable to write memory")
            self.leave(IO_ERROR)
        self.write(offset + half, data[half:])
        if self.scenario == "silent success":
            return
        self.say(self.bar("Download", 100, len(data)), end="")
        self.say("\nDownload done.")
        self.say("DFU state(7) = dfuMANIFEST, status(0) = No error condition is present")
        if self.scenario in ("leaves", "leaves and returns"):
            shutil.rmtree(self.device())
            self.leave(IO_ERROR, "dfu-util: unable to read DFU status after completion (LIBUSB_ERROR_NO_DEVICE)")
        if self.scenario == "spoils":
            self.write(offset + 5, b"spoilt")
        self.say("DFU state(2) = dfuIDLE, status(0) = No error condition is present\nDone!")

    def device(self) -> Path:
        """The bootloader in the made-up sysfs."""
        return Path((self.state / "sysfs").read_text())

    def upload(self, offset: int, file: Path, size: int) -> None:
        """From the board."""
        self.say("Copying data from DFU device to PC")
        if self.scenario == "no upload":
            self.leave(IO_ERROR, "dfu-util: Error during upload (LIBUSB_ERROR_PIPE)")
        file.write_bytes(self.read(offset, size))
        self.say(self.bar("Upload", 100, size), end="")
        self.say("\nUpload done.")


if __name__ == "__main__":
    DfuUtil().main()
