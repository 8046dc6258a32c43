"""The boards: BOARDS has each of them by its name."""

from boards.board import Board
from boards.ice40_hx8k import ICE40_HX8K
from boards.icebreaker import ICEBREAKER
from boards.icesugar_pro import ICESUGAR_PRO
from boards.orangecrab import ORANGECRAB
from boards.ulx3s import ULX3S_25F, ULX3S_85F

BOARDS: dict[str, Board] = {
    board.name: board for board in (ULX3S_85F, ULX3S_25F, ORANGECRAB, ICESUGAR_PRO, ICEBREAKER, ICE40_HX8K)
}
