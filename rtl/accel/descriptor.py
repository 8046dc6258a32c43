"""The descriptor as hardware sees it, and the ports that every operation unit has."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from formats.descriptor import OPERANDS
from rtl.memory.weights import WeightPort

OPERAND = data.StructLayout({"address": 32, "stride": 32})

DESCRIPTOR = data.StructLayout(
    {
        "opcode": 8,
        "reserved_1": 8,
        "flags": 16,
        "shift": 8,
        "decay": 8,
        "rate": 8,
        "reserved_7": 8,
        "m": 16,
        "n": 16,
        "k": 16,
        "group": 16,
        **dict.fromkeys(OPERANDS, OPERAND),
        "advance": 32,
        "reserved_60": 32,
    }
)
"""formats/descriptor.py's 64 bytes, byte 0 the least significant."""


class OperationPort(wiring.Signature):
    """An operation unit, seen from itself, on a memory of `words` words.

    * `start`: one cycle, while the unit is idle, with a descriptor that passed every check.
    * `descriptor`: stable from `start` until `done`. A GATHER's b.address includes what the iteration adds.
    * `done`: one cycle, in which or before which the last write was accepted; the unit is idle from the next one on.
    * `memory`: read data must be taken in the cycle after an access: the memory has other users.
    """

    def __init__(self, words: int):
        super().__init__(
            {
                "start": In(1),
                "descriptor": In(DESCRIPTOR),
                "done": Out(1),
                "memory": Out(WeightPort(words)),
            }
        )
