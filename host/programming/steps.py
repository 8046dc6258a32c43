"""What is to be run to write a build to a board: one step for each file, in an order that leaves little to damage."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from boards.board import Board, Tool
from boards.flow.family import Family
from host.errors import LivetrapError

from .manifest import Artifact, Build


class Memory(Enum):
    """Where a bitstream goes. Images always go to flash."""

    SRAM = "SRAM"
    FLASH = "flash"


class What(Enum):
    """Which part of a build is written."""

    BITSTREAM = "bitstream"
    FIRMWARE = "firmware"
    ALL = "all"


@dataclass(frozen=True)
class Step:
    """One run of a programmer. command: its arguments, and before them its name. is_image: not the bitstream."""

    board: Board
    artifact: Artifact
    memory: Memory
    is_image: bool
    command: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.artifact.what} to {self.memory.value}"


def plan(build: Build, board: Board, memory: Memory, what: What) -> list[Step]:
    """The steps that write a build that fits the board (manifest.check).

    The bitstream goes first, and an image's chip can start. Into SRAM it goes last: access to the flash stops it.
    Raises LivetrapError for what the board cannot do.
    """
    if memory is Memory.SRAM and not board.programmer.loads_sram:
        raise LivetrapError(f"{board.name}: its programmer cannot load the FPGA directly: use --flash")
    images = build.images if what is not What.BITSTREAM else ()
    if what is What.FIRMWARE and not images:
        raise LivetrapError(
            f"{board.name}: the build has no firmware image for the flash: the chip gets its firmware over its link "
            "('livetrap firmware update')"
        )
    bitstream = [_step(board, build.bitstream, memory, False)] if what is not What.FIRMWARE else []
    rest = [_step(board, image, Memory.FLASH, True) for image in images]
    return rest + bitstream if memory is Memory.SRAM else bitstream + rest


def _step(board: Board, artifact: Artifact, memory: Memory, is_image: bool) -> Step:
    make = _dfu_util if board.programmer.tool is Tool.DFU_UTIL else _openfpgaloader
    command = (board.programmer.tool.value, *make(board, artifact, memory, is_image))
    return Step(board, artifact, memory, is_image, command)


def _openfpgaloader(board: Board, artifact: Artifact, memory: Memory, is_image: bool) -> tuple[str, ...]:
    kind = "bit" if board.family is Family.ECP5 and not is_image else "bin"
    where = (
        ("--write-sram",)
        if memory is Memory.SRAM
        else ("--write-flash", "--verify", "--offset", hex(artifact.offset))
    )
    return (*cable(board), *where, "--file-type", kind, str(artifact.path))


def cable(board: Board) -> tuple[str, ...]:
    """What names the board to openFPGALoader. A kind of cable has another USB device by default."""
    options = board.programmer.options
    if "--cable" not in options:
        return options
    usb = board.programmer.usb
    return (*options, "--vid", f"{usb.vendor:#06x}", "--pid", f"{usb.product:#06x}")


def _dfu_util(board: Board, artifact: Artifact, memory: Memory, is_image: bool) -> tuple[str, ...]:
    return (*_alternate(board, artifact), "--download", str(artifact.path))


def _alternate(board: Board, artifact: Artifact) -> tuple[str, ...]:
    return (*board.programmer.options, "--alt", str(board.programmer.alternates.index(artifact.offset)))


def read_back(step: Step, to: Path) -> tuple[str, ...]:
    """The command with which dfu-util reads what a step wrote; `to` must not exist."""
    size = str(len(step.artifact.data))
    return (step.command[0], *_alternate(step.board, step.artifact), "--upload", str(to), "--upload-size", size)
