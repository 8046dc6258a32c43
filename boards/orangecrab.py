"""OrangeCrab r0.2, 25F: ECP5 LFE5U-25F, 48 MHz, USB bootloader of its own, link on pins."""

from boards.board import Board, Family, Programmer, Tool, UsbId
from formats.flash import FlashPart

BITSTREAM_OFFSET = 0x80000
FIRMWARE_OFFSET = 0x100000
"""Where the bootloader's two DFU interfaces write."""


def _platform():
    from amaranth.build import Attrs
    from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
    from amaranth_boards.resources import UARTResource

    platform = OrangeCrabR0_2_25FPlatform()
    platform.add_resources(
        [UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP"))]
    )
    return platform


ORANGECRAB = Board(
    name="orangecrab",
    title="OrangeCrab r0.2 25F",
    family=Family.ECP5,
    device="25k",
    package="CSFBGA285",
    speed="8",
    platform=_platform,
    config="tiny",
    oscillator_mhz=48.0,
    clock_mhz=48.0,
    baud=115200,
    link="a 3.3 V USB-serial adapter on the headers: pin 0 (N17, in) and pin 1 (M18, out)",
    link_usb=None,
    flash_part=FlashPart("W25Q128JV", 16 << 20, tuple(map(bytes.fromhex, ("ef4018", "ef7018")))),
    bitstream_offset=BITSTREAM_OFFSET,
    bitstream_room=FIRMWARE_OFFSET - BITSTREAM_OFFSET,
    flash_offset=FIRMWARE_OFFSET,
    memories="block RAM holds all of the chip; the DDR3 memory is not used",
    programmer=Programmer(
        Tool.DFU_UTIL,
        ("--device", "1209:5af0"),
        UsbId(0x1209, 0x5AF0),
        loads_sram=False,
        alternates=(BITSTREAM_OFFSET, FIRMWARE_OFFSET),
    ),
    boots_from_flash=True,
    limits=(
        "the board's own USB port is not the link",
        "the bootloader takes part only while the button is held at power-on, and is trusted with the flash",
        "whether the bootloader leaves the flash in a mode for four data lines has not been tried",
        "the bitstream must be compressed to fit before the bootloader's second region",
    ),
)
