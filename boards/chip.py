"""What goes onto a board: the chip's design, with the boot ROM in it, and the firmware for its flash."""

from collections.abc import Callable
from dataclasses import dataclass

from boards.board import Board
from boards.flow.rtlil import Design, design
from host.errors import LivetrapError

TOP = "livetrap"


@dataclass(frozen=True)
class Chip:
    """design: of the whole FPGA. loops: combinational loops in it that are meant. firmware: the unsigned image, which
    ROM may start once it is signed. slot: contents of slot A, with that image signed. files: name -> contents of what
    else belongs to the firmware."""

    design: Design
    loops: int
    firmware: bytes
    slot: bytes
    files: dict[str, bytes]


def chip_for(board: Board, stage: Callable[[str], None]) -> Chip:
    """Builds the firmware for a board, and elaborates its chip.

    stage: told what begins. Raises LivetrapError if the firmware does not build, or the configuration does not suit
    the board.
    """
    from boards.top import chip_top
    from firmware.build import build_for
    from rtl.io.ring_oscillator import RING_LENGTHS
    from sim.rtl.flash_image import confirmed_slot

    stage("firmware")
    try:
        config = board.chip_config()
        rom = build_for(config, f"{board.name}-{config.name}")
        stage("RTL")
        top = chip_top(board, rom.read_bytes())
    except (ValueError, RuntimeError) as error:
        raise LivetrapError(f"{board.name}, configuration {board.config}: {' '.join(str(error).split())}") from error
    here = rom.parent
    return Chip(
        design(top, TOP, board.platform()),
        len(RING_LENGTHS),
        (here / "app.unsigned.bin").read_bytes(),
        confirmed_slot((here / "app.signed.bin").read_bytes()),
        {name: (here / name).read_bytes() for name in ("firmware_key.pub", "measurement.json")},
    )
