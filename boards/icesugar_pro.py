"""Muse Lab iCESugar-pro: ECP5 LFE5U-25F, 25 MHz, iCELink debugger for JTAG and link."""

from boards.board import Board, Family, Programmer, Tool, UsbId
from formats.flash import FlashPart

ICELINK = UsbId(0x1D50, 0x602B)


def _platform():
    from amaranth_boards.icesugar_pro import ICESugarProPlatform

    return ICESugarProPlatform()


ICESUGAR_PRO = Board(
    name="icesugar-pro",
    title="Muse Lab iCESugar-pro",
    family=Family.ECP5,
    device="25k",
    package="CABGA256",
    speed="6",
    platform=_platform,
    config="tiny",
    oscillator_mhz=25.0,
    clock_mhz=50.0,
    baud=115200,
    link="the USB connector (iCELink): FPGA pins A9 (in) and B9 (out)",
    link_usb=ICELINK,
    flash_part=FlashPart("W25Q256JV", 32 << 20, tuple(map(bytes.fromhex, ("ef4019", "ef7019")))),
    bitstream_offset=0,
    bitstream_room=1 << 20,
    flash_offset=1 << 20,
    memories="block RAM holds all of the chip; the SDRAM is not used",
    programmer=Programmer(Tool.OPENFPGALOADER, ("--cable", "cmsisdap"), ICELINK, loads_sram=True),
    boots_from_flash=True,
    limits=(
        "the upper half of the flash, beyond three address bytes, is not used",
        "openFPGALoader has no entry for this board: it is reached as any CMSIS-DAP cable, which has not been tried",
        "which way round its LEDs light has not been tried",
    ),
)
