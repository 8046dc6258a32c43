"""What a design takes of a device, in the four figures that both families and all our tables use."""

from collections.abc import Mapping

from .family import Family

ECP5_CELLS = {
    "LUT4": ("lut", 1),
    "CCU2C": ("lut", 2),
    # As nextpnr counts; the write port takes the place of two more.
    "TRELLIS_DPR16X4": ("lut", 4),
    "TRELLIS_FF": ("ff", 1),
    "DP16KD": ("bram", 1),
    "MULT18X18D": ("dsp", 1),
}
ICE40_CELLS = {
    "SB_LUT4": ("lut", 1),
    "SB_RAM40_4K": ("bram", 1),
    "SB_SPRAM256KA": ("spram", 1),
    "SB_MAC16": ("dsp", 1),
}
ICE40_FLIP_FLOP = "SB_DFF"

NAMES = {
    Family.ECP5: {"TRELLIS_COMB": "lut", "TRELLIS_FF": "ff", "DP16KD": "bram", "MULT18X18D": "dsp"},
    Family.ICE40: {
        "ICESTORM_LC": "lut",
        "ICESTORM_RAM": "bram",
        "ICESTORM_SPRAM": "spram",
        "ICESTORM_DSP": "dsp",
    },
}
"""nextpnr's names of what a device has -> ours. An iCE40 logic cell is a LUT and a flip-flop; it counts as a lut."""


def count(cells: Mapping[str, int], family: Family) -> dict[str, int]:
    """Resources of a netlist's cells (type -> number): lut, ff, bram, dsp, and spram on iCE40; zeros too."""
    resources = dict.fromkeys(("lut", "ff", "bram", "dsp", *(["spram"] if family is Family.ICE40 else [])), 0)
    for cell, number in cells.items():
        if family is Family.ICE40 and cell.startswith(ICE40_FLIP_FLOP):
            resources["ff"] += number
        elif found := (ECP5_CELLS if family is Family.ECP5 else ICE40_CELLS).get(cell):
            name, each = found
            resources[name] += each * number
    return resources
