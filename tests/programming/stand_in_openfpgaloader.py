"""A stand-in for openFPGALoader 1.1: takes exactly the arguments that we mean to give, and says what it says."""

from pathlib import Path

from stand_in import StandIn, bar

PREAMBLE = b"\xff\xff\xbd\xb3"
BLOCK = 0x10000
BOARDS = {"ulx3s": 0x41113043, "ice40_generic": None}
CABLES = {"cmsisdap": 0x41111043}
VALUES = ("--board", "--cable", "--vid", "--pid", "--offset", "--file-type")
FLAGS = ("--write-sram", "--write-flash", "--verify")

NO_CABLE = "\nJTAG init failed with: unable to open ftdi device"
CLAIMED = "unable to claim usb device. Make sure the default FTDI driver is not in use"
AT_START = {
    "not found": "unable to open ftdi device: -3 (device not found)" + NO_CABLE,
    "no permission": "unable to open ftdi device: -4 (usb_open() failed)" + NO_CABLE,
    "no rights": "unable to open ftdi device: -8 (inappropriate permissions on device!)" + NO_CABLE,
    "busy": f"unable to open ftdi device: -5 ({CLAIMED})" + NO_CABLE,
    "no reset": "unable to open ftdi device: -6 (ftdi_usb_reset failed)" + NO_CABLE,
    "no cmsisdap": "Jtag: support for cmsisdap was not enabled at compile time\n"
    "JTAG init failed with: std::exception",
    "unknown board": "Error: cannot find board 'ulx3s'",
    "no device": "Error: no device found",
    "two devices": "Error: more than one FPGA found\nUse --index-chain to force selection",
    "library": "openFPGALoader: error while loading shared libraries: libftdi1.so.2: cannot open shared object file: "
    "No such file or directory",
}


class OpenFpgaLoader(StandIn):
    """One run."""

    def lost(self) -> None:
        """As when USB is pulled."""
        self.say("mpsse_write: fail to write with error -1 (usb bulk write failed)")
        self.leave(1, "Error: Failed to program FPGA: std::exception")

    def main(self) -> None:
        """From the arguments to the exit code."""
        if self.arguments == ["-V"]:
            self.say("openFPGALoader v1.1.1")
            return
        given, file = self.parse()
        to_flash = "--write-flash" in given
        self.say("empty")
        self.say("write to flash" if to_flash else "write to ram")
        self.upset("starting")
        if self.scenario in AT_START:
            self.leave(127 if self.scenario == "library" else 1, AT_START[self.scenario])
        if self.scenario == "garbage":
            self.say("\x1b[2J\x00\xff" * 3000 + "\x07" * 5000)
            return
        if self.scenario == "silent success":
            return
        self.say("Jtag frequency : requested 6.00MHz    -> real 6.00MHz   ")
        kind, data = given["--file-type"], file.read_bytes()
        is_ice40 = given.get("--board") == "ice40_generic"
        if kind == "bit":
            data = data[data.index(PREAMBLE) :]
        if is_ice40:
            self.flash_ice40(int(given["--offset"], 16), data)
        elif to_flash:
            self.flash_ecp5(int(given["--offset"], 16), data, kind)
        else:
            self.load(data)

    def parse(self) -> tuple[dict[str, str], Path]:
        """Options and the file. Ends as openFPGALoader does for what it does not know."""
        given: dict[str, str] = {}
        rest, words = [], iter(self.arguments)
        for word in words:
            if word in VALUES and word not in given:
                given[word] = next(words)
            elif word in FLAGS and word not in given:
                given[word] = ""
            elif word.startswith("-"):
                self.leave(1, f"Error parsing options: Option \u2018{word.lstrip('-')}\u2019 does not exist")
            else:
                rest.append(word)
        expected = {"--file-type", "--write-flash", "--verify", "--offset"}
        if "--write-sram" in given:
            expected = {"--file-type", "--write-sram"}
        expected |= {"--cable", "--vid", "--pid"} if "--cable" in given else {"--board"}
        if set(given) != expected or len(rest) != 1 or given["--file-type"] not in ("bit", "bin"):
            self.leave(1, f"stand-in: not the arguments that are expected: {self.arguments}")
        if given.get("--board", "ulx3s") not in BOARDS or given.get("--cable", "cmsisdap") not in CABLES:
            self.leave(1, f"Error: cannot find board '{given.get('--board')}'")
        if "--cable" in given and (given["--vid"], given["--pid"]) != ("0x1d50", "0x602b"):
            self.leave(1, "stand-in: not the debugger's USB ids")
        if not Path(rest[0]).is_file():
            self.leave(1, "Error: fail to open file")
        return given, Path(rest[0])

    def check_idcode(self) -> None:
        """ECP5 alone."""
        found = {"wrong idcode": 0x41111043, "no jtag": 0xFFFFFFFF}.get(self.scenario)
        if found is not None:
            self.complain("mismatch between target's idcode and bitstream idcode")
            self.complain(f"\tbitstream has 0x41113043 hardware requires 0x{found:08x}")
            self.leave(1, "Error: Failed to program FPGA: std::exception")

    def load(self, data: bytes) -> None:
        """Into SRAM."""
        self.say("Open file: DONE\nParse file: DONE")
        self.check_idcode()
        self.say("Enable configuration: DONE\nSRAM erase: DONE")
        (self.state / "sram").unlink(missing_ok=True)
        for percent in (0, 40, 80):
            self.say(bar("Loading", percent), end="")
            if percent == 40:
                self.upset("loading")
        self.say(bar("Loading", 100), end="")
        if self.scenario == "not configured":
            self.say("\nFail\ndisplayReadReg\n\tCRC ERR\n\tEXEC Error")
            self.leave(1, "Error: Failed to program FPGA: std::exception")
        (self.state / "sram").write_bytes(data)
        self.say("\nDone\nDisable configuration: DONE")

    def flash_ecp5(self, offset: int, data: bytes, kind: str) -> None:
        """Through JTAG; the exit code is that of the last thing that went wrong."""
        (self.state / "sram").unlink(missing_ok=True)
        self.say("Open file DONE\nParse file DONE")
        if kind == "bit":
            self.check_idcode()
        self.say("Enable configuration: DONE\nSRAM erase: DONE")
        good = self.program(offset, data)
        boots = self.read(0, 4) == PREAMBLE and self.scenario != "not configured"
        self.say("Refresh: ", end="")
        if boots:
            self.say("DONE")
        else:
            self.complain("FAIL")
            self.say("displayReadReg\n\tConfig Target Selection : 0\n\tSPIm Fail1\n\tPreamble ERR\n\tEXEC Error")
        if not (good and boots):
            self.leave(1, "Error: Failed to program FPGA: std::exception")

    def flash_ice40(self, offset: int, data: bytes) -> None:
        """Through SPI; the exit code is 0 whatever goes wrong from here on."""
        self.say("Parse file DONE\n00")
        self.program(offset, data)
        self.say("Wait for CDONE", end="\n" if self.scenario == "new words" else " ")
        if self.scenario == "not configured":
            self.complain("FAIL")
        else:
            self.say("Done" if self.scenario == "new words" else "DONE")

    def program(self, offset: int, data: bytes) -> bool:
        """Erases, writes and verifies."""
        if self.scenario == "no flash":
            self.complain("Read ID failed")
            return False
        self.say("Detected: Winbond W25Q128 256 sectors size: 128Mb")
        if self.scenario == "protected":
            self.say(f"{offset:08x} 00fc0000 01000000 1c\nunlock blocks")
            self.complain("Error: block protection is set\n       can't unlock without --unprotect-flash")
            return False
        if self.scenario == "overflow":
            self.complain("flash overflow")
            return False
        end = -(-(offset + len(data)) // BLOCK) * BLOCK
        self.say(f"{offset:08x} 00000000 00000000 00\nstart addr: {offset:08x}, end_addr: {end:08x}")
        self.upset("detecting")
        start = offset // BLOCK * BLOCK
        self.write(start, b"\xff" * (end - start))
        self.say(bar("Erasing", 60), end="")
        self.upset("erasing")
        self.say(bar("Erasing", 100), end="")
        self.say("\nDone")
        half = len(data) // 2
        self.write(offset, data[:half])
        self.say(bar("Writing", 50), end="")
        self.say(bar("Writing", 51), end="")
        self.upset("writing")
        self.write(offset + half, data[half:])
        self.say(bar("Writing", 100), end="")
        self.say("\nDone\nVerifying write (May take time)")
        self.say(bar("Read flash", 30, gap=" "), end="")
        self.upset("verifying")
        self.say(bar("Read flash", 100, gap=" "), end="")
        if self.scenario == "mismatch":
            self.say("")
            self.complain(f"Fail\nVerification failed at {offset + 1234}")
            return False
        self.say("\nDone")
        self.upset("refreshing")
        return True


if __name__ == "__main__":
    OpenFpgaLoader().main()
