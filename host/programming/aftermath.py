"""Whether a board still boots after a step that did not succeed, in words."""

from enum import Enum

from boards.board import Tool

from .steps import Memory, Step


class Extent(Enum):
    """What a step did before it ended, as far as that is known."""

    NOTHING = "nothing was written"
    UNKNOWN = "may be damaged"
    BEGUN = "is damaged"
    VERIFIED = "written and verified"


def after(step: Step, extent: Extent) -> str:
    """What became of the board, and how it is got back."""
    name = step.board.name
    if extent is Extent.NOTHING:
        return f"nothing was written: {name} is as it was"
    if extent is Extent.VERIFIED:
        return f"but all of it was written and verified before: {name} boots it when it is powered off and on"
    if step.memory is Memory.SRAM:
        return f"the flash is as it was: {name} boots what is in it when it is powered off and on"
    if step.is_image:
        return (
            f"the firmware slot {extent.value}, the bitstream is not touched: {name} boots, and the chip goes on "
            "with its other slot or waits in recovery mode for 'livetrap firmware update'"
        )
    lost = "will not start the chip" if extent is Extent.BEGUN else "may not start the chip"
    if step.board.programmer.tool is Tool.DFU_UTIL:
        return (
            f"the bitstream in flash {extent.value}: {name} {lost}, but its bootloader is not touched: "
            "hold the board's button while you plug it in"
        )
    way = "JTAG" if step.board.programmer.loads_sram else "the programmer"
    return f"the bitstream in flash {extent.value}: {name} {lost} at power-on, but {way} still reaches it"
