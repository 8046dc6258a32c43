"""Radiona ULX3S: ECP5 LFE5U-85F or -25F, 25 MHz, FT231X for JTAG and link."""

from boards.board import Board, Family, Programmer, Tool, UsbId
from formats.flash import FlashPart

# Green boards have ISSI's part, blue ones Winbond's.
FLASH = FlashPart("IS25LP128F or W25Q128JV", 16 << 20, tuple(map(bytes.fromhex, ("9d6018", "ef4018", "ef7018"))))
FT231X = UsbId(0x0403, 0x6015)


def _platform(variant: str):
    def make():
        from amaranth_boards import ulx3s

        return getattr(ulx3s, f"ULX3S_{variant}_Platform")()

    return make


def _board(variant: str, config: str) -> Board:
    return Board(
        name=f"ulx3s-{variant.lower()}",
        title=f"Radiona ULX3S {variant}",
        family=Family.ECP5,
        device=f"{variant[:2]}k",
        package="CABGA381",
        speed="6",
        platform=_platform(variant),
        config=config,
        oscillator_mhz=25.0,
        clock_mhz=50.0,
        baud=115200,
        link="USB connector US1 (FT231X): FPGA pins M1 (in) and L4 (out)",
        link_usb=FT231X,
        flash_part=FLASH,
        bitstream_offset=0,
        bitstream_room=4 << 20,
        flash_offset=4 << 20,
        memories="block RAM holds all of the chip; the SDRAM is not used",
        programmer=Programmer(Tool.OPENFPGALOADER, ("--board", "ulx3s"), FT231X, loads_sram=True),
        boots_from_flash=True,
        limits=(
            "link and JTAG share one USB device: the port vanishes while a bitstream is written",
            "images that others keep in the flash (multiboot, ESP32) are not known here, and may be overwritten",
        ),
    )


ULX3S_85F = _board("85F", "full")
ULX3S_25F = _board("25F", "tiny")
