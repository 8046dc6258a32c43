"""Accelerator memory ("weights"): the whole of it is the snapshot region."""

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from formats.hashing import WORD_BYTES

WORD_BITS = 8 * WORD_BYTES

NO_RW_CHECK = {"no_rw_check": 1}
"""Attributes of a memory whose users never rely on what a port reads while another port writes that word.

Synthesis may then map two ports to the two ports of a block RAM, without logic around it.
"""


class WeightPort(wiring.Signature):
    """Access to a memory of `words` 64-bit words, one in a cycle, seen from its user.

    `valid` with `ready` in a cycle is an access to word `addr`. In the next cycle `r_data` is the word as it was
    before the access: on a write, the old word. It stays until the next access.
    """

    def __init__(self, words: int):
        super().__init__(
            {
                "valid": Out(1),
                "write": Out(1),
                "addr": Out(range(words)),
                "w_data": Out(WORD_BITS),
                "ready": In(1),
                "r_data": In(WORD_BITS),
            }
        )


class WordReadPort(wiring.Signature):
    """Read access to a memory of `words` 64-bit words, seen from its user: `data` follows `addr` by a cycle."""

    def __init__(self, words: int):
        super().__init__({"addr": Out(range(words)), "data": In(WORD_BITS)})


class WeightMemory(wiring.Component):
    """`words` 64-bit words with two ports; zeros at power-on, and kept by a reset.

    * `user`: always ready.
    * `copy`: second read port. Its data are undefined if `user` wrote the same word in the address's cycle.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__({"user": In(WeightPort(words)), "copy": In(WordReadPort(words))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = memory.Memory(shape=WORD_BITS, depth=self.words, init=[], attrs=NO_RW_CHECK)
        write, read, copy = array.write_port(), array.read_port(), array.read_port()
        m.d.comb += [
            self.user.ready.eq(1),
            write.en.eq(self.user.valid & self.user.write),
            write.addr.eq(self.user.addr),
            write.data.eq(self.user.w_data),
            read.en.eq(self.user.valid),
            read.addr.eq(self.user.addr),
            self.user.r_data.eq(read.data),
            copy.addr.eq(self.copy.addr),
            self.copy.data.eq(copy.data),
        ]
        return m
