"""Lattice iCE40-HX8K breakout board (iCE40HX8K-B-EVN): 12 MHz, FT2232H for flash and link."""

from boards.board import Board, Family, Programmer, Tool, UsbId
from formats.flash import FlashPart

FT2232H = UsbId(0x0403, 0x6010)


def _platform():
    from amaranth_boards.ice40_hx8k_b_evn import ICE40HX8KBEVNPlatform

    return ICE40HX8KBEVNPlatform()


ICE40_HX8K = Board(
    name="ice40-hx8k",
    title="Lattice iCE40-HX8K breakout board",
    family=Family.ICE40,
    device="hx8k",
    package="ct256",
    speed="",
    platform=_platform,
    config="tiny",
    oscillator_mhz=12.0,
    clock_mhz=12.0,
    baud=115200,
    link="the USB connector, second port of the FT2232H: FPGA pins B10 (in) and B12 (out)",
    link_usb=FT2232H,
    flash_part=FlashPart("N25Q032A", 4 << 20, (bytes.fromhex("20ba16"),)),
    bitstream_offset=0,
    bitstream_room=256 << 10,
    flash_offset=256 << 10,
    memories="32 block RAMs of 512 bytes hold all of the chip",
    programmer=Programmer(Tool.OPENFPGALOADER, ("--board", "ice40_generic"), FT2232H, loads_sram=False),
    boots_from_flash=True,
    limits=("with jumper J7 out, and J6 bridged 1-2 and 3-4, the programmer does not reach the flash",),
)
