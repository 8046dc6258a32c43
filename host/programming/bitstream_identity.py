"""Whether a bitstream is for the device of a board, by what is in the bitstream."""

from typing import NamedTuple

from boards.board import Board
from boards.flow.family import Family
from host.errors import LivetrapError

from . import ecp5_bitstream, ice40_bitstream
from .byte_reader import BitstreamError

ECP5_DEVICES = {
    prefix + size: device + density
    for prefix, device in (("", "LFE5U-"), ("um-", "LFE5UM-"), ("um5g-", "LFE5UM5G-"))
    for size, density in (("12k", "12F"), ("25k", "25F"), ("45k", "45F"), ("85k", "85F"))
}
"""nextpnr's names, and what the bitstream says."""

ICE40_DEVICES = {
    **dict.fromkeys(("lp384",), "384"),
    **dict.fromkeys(("lp1k", "hx1k"), "1k"),
    **dict.fromkeys(("up5k",), "5k"),
    **dict.fromkeys(("lp4k", "hx4k", "lp8k", "hx8k"), "8k"),
}
"""nextpnr's names, and the silicon that the bitstream is for."""

BUILD_COMMENT = "livetrap "


class Identity(NamedTuple):
    """family, device: of the bitstream, as in the tables above. build_id: of its comment, or empty."""

    family: Family
    device: str
    build_id: str


def expected_device(board: Board) -> str:
    """What a bitstream for the board says."""
    return (ECP5_DEVICES if board.family is Family.ECP5 else ICE40_DEVICES)[board.device]


def identify(data: bytes) -> Identity:
    """Which device a bitstream file is for. Raises BitstreamError when it is that of no known device, or damaged."""
    is_ice40 = ice40_bitstream.SYNC in data[: ice40_bitstream.MAX_HEAD_BYTES]
    family = Family.ICE40 if is_ice40 else Family.ECP5
    found = ice40_bitstream.identify(data) if is_ice40 else ecp5_bitstream.identify(data)
    ids = (comment.removeprefix(BUILD_COMMENT) for comment in found.comments if comment.startswith(BUILD_COMMENT))
    return Identity(family, found.device, next(ids, ""))


def check(data: bytes, board: Board, build_id: str, name: str) -> None:
    """Raises LivetrapError unless the bitstream is for the board's device, and of this build if it says which.

    name: of the file, for the message.
    """
    try:
        found = identify(data)
    except BitstreamError as error:
        raise BitstreamError(f"{name}: {error}") from error
    wanted = expected_device(board)
    if (found.family, found.device) != (board.family, wanted):
        raise LivetrapError(
            f"{name}: the bitstream is for another part: {board.name} has an {_device(board.family, wanted)}, "
            f"this is for an {_device(found.family, found.device)}"
        )
    if found.build_id and found.build_id != build_id:
        raise LivetrapError(f"{name}: the bitstream says that it is of build {found.build_id}, not {build_id}")


def _device(family: Family, device: str) -> str:
    return device if family is Family.ECP5 else f"iCE40 with the {device} die"
