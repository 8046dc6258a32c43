"""A block together with the sponge that it shares in the chip, here for itself alone."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter


class WithSponge(wiring.Component):
    """The ports of `block` but `sponge`, which is connected to a SpongeArbiter's only user, at 8 slices a cycle."""

    def __init__(self, block: wiring.Component):
        self._block = block
        members = {name: member for name, member in block.signature.members.items() if name != "sponge"}
        super().__init__(members)
        for name in members:
            memory_map = getattr(getattr(block, name), "memory_map", None)
            if memory_map is not None:
                getattr(self, name).memory_map = memory_map

    def elaborate(self, platform):
        m = Module()
        m.submodules.block = block = self._block
        m.submodules.sponge = sponge = SpongeArbiter(Sponge(FoldedKeccakPermutation(8)), users=1)
        connect(m, block.sponge, sponge.user0)
        for name, member in self.signature.members.items():
            inner, outer = getattr(block, name), getattr(self, name)
            if member.is_port:
                m.d.comb += inner.eq(outer) if member.flow is not Out else outer.eq(inner)
            elif member.flow is Out:
                connect(m, inner, wiring.flipped(outer))
            else:
                connect(m, wiring.flipped(outer), inner)
        return m
