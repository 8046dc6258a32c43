"""Shadow memory: where the point-in-time image of a snapshot is put together and kept."""

from amaranth.hdl import Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from rtl.memory.weights import NO_RW_CHECK, WORD_BITS, WordReadPort


class ShadowSavePort(wiring.Signature):
    """Writes old words: `data` into word `addr` while `enable`."""

    def __init__(self, words: int):
        super().__init__({"enable": Out(1), "addr": Out(range(words)), "data": Out(WORD_BITS)})


class ShadowWalkPort(wiring.Signature):
    """One operation while `enable`: writes `w_data`, or (not `write`) reads into `r_data` of the next cycle."""

    def __init__(self, words: int):
        super().__init__(
            {
                "enable": Out(1),
                "write": Out(1),
                "addr": Out(range(words)),
                "w_data": Out(WORD_BITS),
                "r_data": In(WORD_BITS),
            }
        )


class ShadowedBitPort(wiring.Signature):
    """While `enable`, bit `addr` takes the port's value; `was` in the next cycle is the bit before that."""

    def __init__(self, words: int):
        super().__init__({"enable": Out(1), "addr": Out(range(words)), "was": In(1)})


class ShadowMemory(wiring.Component):
    """`words` 64-bit words on two physical ports: `save` has one, `walk` and `image` share the other.

    * `save`, `walk`: must not touch one word in the same cycle.
    * `image`: its data have a meaning only if `walk.enable` was 0 in the address's cycle, and `save` did not
      write that word then.

    Zeros at power-on; kept by a reset.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__(
            {
                "save": In(ShadowSavePort(words)),
                "walk": In(ShadowWalkPort(words)),
                "image": In(WordReadPort(words)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = memory.Memory(shape=WORD_BITS, depth=self.words, init=[], attrs=NO_RW_CHECK)
        save, write, read = array.write_port(), array.write_port(), array.read_port()
        m.d.comb += [
            save.en.eq(self.save.enable),
            save.addr.eq(self.save.addr),
            save.data.eq(self.save.data),
            write.en.eq(self.walk.enable & self.walk.write),
            write.addr.eq(read.addr),
            write.data.eq(self.walk.w_data),
            read.en.eq(~write.en),
            read.addr.eq(Mux(self.walk.enable, self.walk.addr, self.image.addr)),
            self.walk.r_data.eq(read.data),
            self.image.data.eq(read.data),
        ]
        return m


class ShadowedBits(wiring.Component):
    """One bit for each word of the shadow memory: it holds the word's old value already.

    `mark` sets bits, `take` clears them; they must not touch one bit in the same cycle. Zeros at power-on; kept
    by a reset.
    """

    def __init__(self, words: int):
        self.words = words
        super().__init__({"mark": In(ShadowedBitPort(words)), "take": In(ShadowedBitPort(words))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = memory.Memory(shape=1, depth=self.words, init=[], attrs=NO_RW_CHECK)
        for port, value in ((self.mark, 1), (self.take, 0)):
            write, read = array.write_port(), array.read_port()
            m.d.comb += [
                write.en.eq(port.enable),
                write.addr.eq(port.addr),
                write.data.eq(value),
                read.en.eq(port.enable),
                read.addr.eq(port.addr),
                port.was.eq(read.data),
            ]
        return m
