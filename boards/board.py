"""What the project knows about a development board: one description, for build, flash and documentation alike.

Nothing here needs the hardware description's packages: `Board.platform` imports them when it is called.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from boards.flow.family import Family
from formats.flash import LOG_OFFSET, SECTOR_BYTES, FlashPart

__all__ = ["Board", "Family", "Programmer", "Tool", "UsbId"]

if TYPE_CHECKING:
    from rtl.config import Config

ADDRESSABLE_BYTES = 1 << 24
"""Of a larger flash, what commands with three address bytes reach: all that the chip uses."""


class Tool(Enum):
    """Programs that write to boards."""

    OPENFPGALOADER = "openFPGALoader"
    DFU_UTIL = "dfu-util"


@dataclass(frozen=True)
class UsbId:
    """A USB device's vendor and product."""

    vendor: int
    product: int

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"


@dataclass(frozen=True)
class Programmer:
    """How bitstreams, and images in flash, get into a board.

    tool: the program. options: what names the board to it. usb: the device that it talks to.
    loads_sram: it can configure the FPGA without touching the flash.
    alternates: for dfu-util, the flash offset at which each alternate setting writes; empty for other tools, which
        write anywhere.
    """

    tool: Tool
    options: tuple[str, ...]
    usb: UsbId
    loads_sram: bool
    alternates: tuple[int, ...] = ()


@dataclass(frozen=True)
class Board:
    """A board, and the chip that it holds.

    name: as in `livetrap build NAME`. title: for people. family, device, package, speed: as nextpnr names them; speed
        is empty for families that have one alone. platform: makes a new amaranth-boards platform with a `uart` and,
        for LivetrapSoC, a flash.
    config: of rtl/config.py. oscillator_mhz: of the board. clock_mhz: of the chip. baud: of the link. link: its pins
        or connector, for people.
        link_usb: the device that the link appears as, if the board has one.
    flash_part: the flash that FPGA and chip share. bitstream_offset, bitstream_room: where the FPGA's bitstream
        lies, and how large it may be. flash_offset: where the chip's part begins (formats/flash.py).
    memories: what holds what, for people. programmer: see there. boots_from_flash: the FPGA configures itself at
        power-on. limits: what this board does not do or protect, or nobody has checked; one sentence each.
    """

    name: str
    title: str
    family: Family
    device: str
    package: str
    speed: str
    platform: Callable[[], Any]
    config: str
    oscillator_mhz: float
    clock_mhz: float
    baud: int
    link: str
    link_usb: UsbId | None
    flash_part: FlashPart
    bitstream_offset: int
    bitstream_room: int
    flash_offset: int
    memories: str
    programmer: Programmer
    boots_from_flash: bool
    limits: tuple[str, ...]
    oscillator_at_pll_pad: bool = False
    """Of iCE40: the PLL takes the oscillator from its own pin, or not at all."""

    @property
    def part(self) -> str:
        """What the FPGA is called in a build's manifest: two boards with the same can load the same bitstream."""
        return "-".join(filter(None, (self.family.value, self.device, self.package, self.speed)))

    @property
    def fuse_offset(self) -> int:
        """The sector that stands in for fuses: the last that three address bytes reach."""
        return min(self.flash_part.size, ADDRESSABLE_BYTES) - SECTOR_BYTES

    def chip_config(self) -> "Config":
        """The configuration of rtl/config.py, on this board's flash."""
        from rtl.config import CONFIGS

        return replace(CONFIGS[self.config], flash_part=self.flash_part, flash_offset=self.flash_offset)

    def regions(self, log_sectors: int) -> dict[str, range]:
        """What lies where in the flash, for a chip with so many log sectors."""
        end = self.flash_offset + LOG_OFFSET + log_sectors * SECTOR_BYTES
        return {
            "bitstream": range(self.bitstream_offset, self.bitstream_offset + self.bitstream_room),
            "chip": range(self.flash_offset, end),
            "fuses": range(self.fuse_offset, self.fuse_offset + SECTOR_BYTES),
        }
