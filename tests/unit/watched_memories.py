"""The snapshot's memories with every undefined result spoilt, so that whoever uses one computes a wrong image.

Each takes the place of the memory that it wraps. What that memory's contract leaves undefined comes out inverted;
ports that must not touch one word in the same cycle are asserted not to.
"""

from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from rtl.memory.shadow import ShadowedBits, ShadowMemory
from rtl.memory.weights import WeightMemory


def spoilt_unless(m, defined, value):
    """The value as it is in a cycle that follows one with `defined`, else inverted."""
    valid = Signal(name=f"{value.name}_defined")
    m.d.sync += valid.eq(defined)
    return value ^ (~valid).replicate(len(value))


class WatchedWeightMemory(wiring.Component):
    """`copy` is spoilt if the user wrote its word; `user` after a cycle without access."""

    def __init__(self, words):
        self.inner = WeightMemory(words)
        super().__init__(self.inner.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self.inner
        user, copy = self.user, self.copy
        meets = user.valid & user.write & (user.addr == copy.addr)
        m.d.comb += [
            inner.user.valid.eq(user.valid),
            inner.user.write.eq(user.write),
            inner.user.addr.eq(user.addr),
            inner.user.w_data.eq(user.w_data),
            inner.copy.addr.eq(copy.addr),
            user.ready.eq(inner.user.ready),
            user.r_data.eq(spoilt_unless(m, user.valid, inner.user.r_data)),
            copy.data.eq(spoilt_unless(m, ~meets, inner.copy.data)),
        ]
        return m


class WatchedShadowMemory(wiring.Component):
    """`walk` is spoilt unless it read; `image` if the walk had the port, or its word was being saved."""

    def __init__(self, words):
        self.inner = ShadowMemory(words)
        super().__init__(self.inner.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self.inner
        save, walk, image = self.save, self.walk, self.image
        connect(m, flipped(save), inner.save)
        m.d.comb += [
            inner.walk.enable.eq(walk.enable),
            inner.walk.write.eq(walk.write),
            inner.walk.addr.eq(walk.addr),
            inner.walk.w_data.eq(walk.w_data),
            inner.image.addr.eq(image.addr),
            walk.r_data.eq(spoilt_unless(m, walk.enable & ~walk.write, inner.walk.r_data)),
            image.data.eq(
                spoilt_unless(m, ~walk.enable & ~(save.enable & (save.addr == image.addr)), inner.image.data)
            ),
            Assert(~(save.enable & walk.enable & (save.addr == walk.addr)), "save and walk meet at a word"),
        ]
        return m


class WatchedShadowedBits(wiring.Component):
    """A port is spoilt after a cycle in which it was not enabled."""

    def __init__(self, words):
        self.inner = ShadowedBits(words)
        super().__init__(self.inner.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self.inner
        mark, take = self.mark, self.take
        for port, inside in ((mark, inner.mark), (take, inner.take)):
            m.d.comb += [
                inside.enable.eq(port.enable),
                inside.addr.eq(port.addr),
                port.was.eq(spoilt_unless(m, port.enable, inside.was)),
            ]
        m.d.comb += Assert(~(mark.enable & take.enable & (mark.addr == take.addr)), "mark and take meet at a bit")
        return m
