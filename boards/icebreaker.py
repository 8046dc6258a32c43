"""1BitSquared iCEBreaker: iCE40 UP5K, 12 MHz, FT2232H for flash and link."""

from boards.board import Board, Family, Programmer, Tool, UsbId
from formats.flash import FlashPart

FT2232H = UsbId(0x0403, 0x6010)


def _platform():
    from amaranth_boards.icebreaker import ICEBreakerPlatform

    return ICEBreakerPlatform()


ICEBREAKER = Board(
    name="icebreaker",
    title="1BitSquared iCEBreaker",
    family=Family.ICE40,
    device="up5k",
    package="sg48",
    speed="",
    platform=_platform,
    config="tiny",
    oscillator_mhz=12.0,
    clock_mhz=12.0,
    baud=115200,
    link="the USB connector, second port of the FT2232H: FPGA pins 6 (in) and 9 (out)",
    link_usb=FT2232H,
    flash_part=FlashPart("W25Q128JV", 16 << 20, tuple(map(bytes.fromhex, ("ef7018", "ef4018")))),
    bitstream_offset=0,
    bitstream_room=256 << 10,
    flash_offset=256 << 10,
    memories="4 single-port RAMs of 32 KiB and 30 block RAMs of 512 bytes hold all of the chip",
    programmer=Programmer(Tool.OPENFPGALOADER, ("--board", "ice40_generic"), FT2232H, loads_sram=False),
    boots_from_flash=True,
    limits=("the FPGA is configured from flash alone: the jumpers for loading it directly are not described here",),
    oscillator_at_pll_pad=True,
)
