"""The FPGA families that the flow knows."""

from enum import Enum


class Family(Enum):
    """FPGA families, by the name that their tools go by: synth_<value>, nextpnr-<value>."""

    ECP5 = "ecp5"
    ICE40 = "ice40"
