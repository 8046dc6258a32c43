"""How a product is cut into tiles, for both sides of the operand buffers.

The result is made in tiles of 8 x 8. `height` tiles, one below the other, share a buffered panel of B; together they
are a block. Blocks go from left to right through all columns, and then down:

    for each band of 8 * height rows:  for each 8 columns (a block):  for each tile of the band

Each buffer has two halves. A half of A's holds the panels of a band, a half of B's the panel of a block.
"""

from amaranth.hdl import Mux, Signal


def band_height(m, k, slots):
    """Tiles in a band, 4, 2 or 1: as many panels of k slots as fit into half of `slots`."""
    height = Signal(range(5))
    m.d.comb += height.eq(Mux(k <= slots // 8, 4, Mux(k <= slots // 4, 2, 1)))
    return height


def tiles_of_band(m, height, tiles_left):
    """Tiles of the present band, when so many tiles of the column are left: the last band may have fewer."""
    tiles = Signal(range(5))
    m.d.comb += tiles.eq(Mux(tiles_left < height, tiles_left, height))
    return tiles
