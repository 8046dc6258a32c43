"""What the programmers' own words are taken for; the outputs are of their users, from their issue trackers."""

import pytest

from boards import BOARDS
from host.programming.aftermath import Extent, after
from host.programming.diagnosis import fault_in
from host.programming.manifest import Artifact
from host.programming.reports import DfuUtilReport, OpenFpgaLoaderReport, Report
from host.programming.steps import Memory, Step

BAR = "[==================================================] 100.00%"


def follow(report: Report, text: str) -> Report:
    for line in text.splitlines():
        if line.strip():
            report.take(line.replace("\t", " ").rstrip())
    return report


def summary(report: Report) -> tuple[bool, bool, bool | None, str | None]:
    return report.written, report.verified, report.boots, report.fault.cause if report.fault else None


FLASHED = f"""
write to flash
Jtag frequency : requested 6.00MHz   -> real 6.00MHz
Open file DONE
Parse file DONE
Enable configuration: DONE
SRAM erase: DONE
Detected: Winbond W25Q128 256 sectors size: 128Mb
00040000 00000000 00000000 00
Erasing: {BAR}
Done
Writing: {BAR}
Done
"""


def test_an_ecp5_whose_flash_has_no_bitstream():
    refused = (
        "Refresh: FAIL\ndisplayReadReg\n\tSPIm Fail1\n\tPreamble ERR\nError: Failed to program FPGA: std::exception"
    )
    verified = f"Verifying write (May take time)\nRead flash : {BAR}\nDone\n"
    assert summary(follow(OpenFpgaLoaderReport(Memory.FLASH), FLASHED + refused)) == (True, False, False, None)
    assert summary(follow(OpenFpgaLoaderReport(Memory.FLASH), FLASHED + verified + refused)) == (
        True,
        True,
        False,
        None,
    )
    good = follow(OpenFpgaLoaderReport(Memory.FLASH), FLASHED + verified + "Refresh: DONE")
    assert summary(good) == (True, True, True, None) and (good.done, good.total) == (300, 300)


@pytest.mark.parametrize("reading", ["Read flash ", "Reading"])
def test_verification_that_fails(reading):
    text = f"{FLASHED}Verifying write (May take time)\n{reading}: {BAR}\nFail\n"
    text += "Verification failed at 4660\nRefresh: DONE"
    report = follow(OpenFpgaLoaderReport(Memory.FLASH), text)
    assert summary(report) == (True, False, True, "the flash reads back otherwise from byte 0x1234 on")
    without = follow(OpenFpgaLoaderReport(Memory.FLASH), text.replace("Verification failed at 4660\n", ""))
    assert summary(without) == (True, False, True, "the flash reads back otherwise")


ICE40 = f"""
start addr: 00000000, end_addr: 00030000
Erasing: {BAR}
Done
Writing: {BAR}
Done
Verifying write (May take time)
Read flash : {BAR}
Done
"""


@pytest.mark.parametrize(
    ("end", "boots"),
    [
        ("Wait for CDONE DONE", True),
        ("Wait for CDONE\nDone", True),
        ("Wait for CDONE FAIL", False),
        ("Wait for CDONE\nFail", False),
    ],
)
def test_an_ice40_in_old_and_new_words(end, boots):
    assert summary(follow(OpenFpgaLoaderReport(Memory.FLASH), ICE40 + end)) == (True, True, boots, None)


def test_an_ecp5_that_is_loaded():
    text = f"Open file: DONE\nParse file: DONE\nEnable configuration: DONE\nSRAM erase: DONE\nLoading: {BAR}\n"
    report = follow(OpenFpgaLoaderReport(Memory.SRAM), text + "Done\nDisable configuration: DONE")
    assert summary(report) == (True, False, None, None) and (report.done, report.total) == (100, 100)
    refused = "Fail\ndisplayReadReg\n\tDevice failed to verify\nError: Failed to program FPGA: std::exception"
    assert summary(follow(OpenFpgaLoaderReport(Memory.SRAM), text + refused)) == (
        False,
        False,
        None,
        "'loading' failed",
    )
    report = follow(OpenFpgaLoaderReport(Memory.SRAM), "Enable configuration: FAIL")
    assert summary(report) == (False, False, None, "'enable configuration' failed")


def test_progress_is_one_bar_of_three_parts():
    report = OpenFpgaLoaderReport(Memory.FLASH)
    seen = []
    for line in (
        "Erasing: [=====     ] 50.00%",
        "Writing: [=         ] 7.25%",
        "Verifying write (May take time)",
        "Read flash : [===       ] 31.00%",
    ):
        report.take(line)
        seen.append(report.done)
    assert seen == [50, 107, 107, 231]


DOWNLOADED = """
Copying data from PC to DFU device
Download\t[============             ]  50%        49702 bytes
Download\t[=========================] 100%        99405 bytes
Download done.
DFU state(7) = dfuMANIFEST, status(0) = No error condition is present
"""


def test_dfu_util():
    done = follow(DfuUtilReport(), DOWNLOADED + "Done!")
    assert summary(done) == (True, False, None, None) and done.done == 100
    left = "dfu-util: unable to read DFU status after completion (LIBUSB_ERROR_NO_DEVICE)"
    assert summary(follow(DfuUtilReport(), DOWNLOADED + left)) == (True, False, None, None)
    early = "Download\t[====                     ]  17%         1234 bytes\n" + left
    report = follow(DfuUtilReport(), early)
    assert summary(report) == (False, False, None, "the board was lost in the middle") and report.done == 17
    refused = "DFU state(10) = dfuERROR, status(3) = Device is unable to write memory"
    cause = "the bootloader refuses: Device is unable to write memory"
    assert summary(follow(DfuUtilReport(), refused)) == (False, False, None, cause)


@pytest.mark.parametrize(
    ("line", "cause", "wrote_nothing"),
    [
        ("unable to open ftdi device: -3 (device not found)", "no such board is on USB", True),
        ("unable to open ftdi device: -4 (usb_open() failed)", "may not open", True),
        ("unable to open ftdi device: -4 (libusb_open() failed) (USB bus 1 addr 4)", "may not open", True),
        ("unable to open ftdi device: -8 (inappropriate permissions on device!)", "may not open", True),
        ("unable to open ftdi device: -5 (unable to claim usb device. Make sure", "another program holds", True),
        ("unable to open ftdi device: -6 (ftdi_usb_reset failed)", "does not answer", True),
        ("JTAG init failed with: low level FTDI init failed", "does not answer", True),
        ("dfu-util: Cannot open DFU device 1209:5af0 found on devnum 7 (LIBUSB_ERROR_ACCESS)", "may not open", True),
        ("dfu-util: No DFU capable USB device available", "bootloader is not on USB", True),
        ("DFU init failed with: No DFU compatible device found", "bootloader is not on USB", True),
        ("dfu-util: Cannot claim interface - LIBUSB_ERROR_BUSY", "another program holds", True),
        ("dfu-util: More than one DFU capable USB device found! Try `--list' and", "more than one such board", True),
        ("cmsisDAP: more than one CMSIS-DAP v1 device. Please provides VID/PID", "more than one such board", True),
        ("Error: more than one FPGA found", "more than one such board", True),
        ("cmsisDAP: No CMSIS-DAP v1 device found", "no such board is on USB", True),
        ("JTAG init failed with: No device found", "no such board is on USB", True),
        ("Couldn't open device. Check permissions for /dev/hidraw3", "may not open", True),
        ("Jtag: support for cmsisdap was not enabled at compile time", "built without support", True),
        ("Error: cannot find board 'icepi-zero'", "does not know this board", True),
        (
            "Error parsing options: Option \u2018bogus\u2019 does not exist",
            "does not know this board or an option",
            True,
        ),
        ("dfu-util: unrecognized option '--bogus'", "does not know this board or an option", True),
        ("Error: no device found", "no FPGA answers on JTAG", True),
        ("Error: device 443050a not supported", "no FPGA that is known", True),
        ("Error: block protection is set", "write-protected", True),
        ("flash overflow", "flash is too small", True),
        ("Read ID failed", "flash does not answer", True),
        ("mpsse_write: fail to write with error -1 (usb bulk write failed)", "lost in the middle", False),
        ("dfu-util: Error during download get_status (LIBUSB_ERROR_PIPE)", "lost in the middle", False),
        ("write en: Error", "flash stopped answering", False),
        ("timeout: ff 1000", "flash stopped answering", False),
        (
            "openFPGALoader: error while loading shared libraries: libftdi1.so.2: cannot open shared object file: No",
            "does not start for want of libftdi1.so.2",
            True,
        ),
        (
            "\tbitstream has 0x41113043 hardware requires 0x41111043",
            "the board holds an LFE5U-25F, the bitstream is for an LFE5U-85F",
            True,
        ),
        ("bitstream has 0x41113043 hardware requires 0xffffffff", "JTAG answers 0xffffffff, which is no ECP5", True),
    ],
)
def test_what_messages_mean(line, cause, wrote_nothing):
    fault = fault_in(line)
    assert fault is not None and cause in fault.cause and fault.wrote_nothing is wrote_nothing
    assert fault.advice.format(board="b")


@pytest.mark.parametrize(
    "line",
    [
        "empty",
        "Jtag frequency : requested 6.00MHz   -> real 3.00MHz",
        "Detected: Winbond W25Q128 256 sectors size: 128Mb",
        "DFU state(2) = dfuIDLE, status(0) = No error condition is present",
        "dfu-util: Warning: Invalid DFU suffix signature",
        "Error: Failed to program FPGA: std::exception",
        "Unable to open device: 05ac:8289 (bus 1, device  6) Error: LIBUSB_ERROR_ACCESS -> skip",
    ],
)
def test_what_means_nothing(line):
    assert fault_in(line) is None


def step(board: str, memory: Memory, is_image: bool) -> Step:
    from pathlib import Path

    return Step(BOARDS[board], Artifact("x", Path("x"), 0, b"x"), memory, is_image, ())


def test_whether_the_board_still_boots():
    sram, flash = step("ulx3s-85f", Memory.SRAM, False), step("ulx3s-85f", Memory.FLASH, False)
    for each in (sram, flash):
        assert after(each, Extent.NOTHING) == "nothing was written: ulx3s-85f is as it was"
        assert after(each, Extent.VERIFIED).startswith("but all of it was written and verified before")
    for extent in (Extent.UNKNOWN, Extent.BEGUN):
        assert "the flash is as it was: ulx3s-85f boots what is in it" in after(sram, extent)
    assert "is damaged: ulx3s-85f will not start the chip at power-on, but JTAG still" in after(flash, Extent.BEGUN)
    assert "may be damaged: ulx3s-85f may not start the chip at power-on" in after(flash, Extent.UNKNOWN)
    ice40 = after(step("icebreaker", Memory.FLASH, False), Extent.BEGUN)
    assert ice40.endswith("will not start the chip at power-on, but the programmer still reaches it")
    image = after(step("ulx3s-85f", Memory.FLASH, True), Extent.BEGUN)
    assert "the bitstream is not touched: ulx3s-85f boots, and the chip goes on with its other slot" in image
    dfu = after(step("orangecrab", Memory.FLASH, False), Extent.BEGUN)
    assert "is damaged: orangecrab will not start the chip, but its bootloader is not touched" in dfu
