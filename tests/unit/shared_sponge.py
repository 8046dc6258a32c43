"""A register peripheral at a shared sponge, beside a rival that the test drives."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter, SpongeUser
from tests.unit.csr_bus import CsrBus


class _WithSponge(wiring.Component):
    def __init__(self, user, inputs, slices_per_cycle):
        self._user, self._inputs, self._slices = user, inputs, slices_per_cycle
        members = {name: user.signature.members[name] for name in inputs}
        super().__init__({**members, "rival": In(SpongeUser())})
        if "bus" in inputs:
            self.bus.memory_map = user.bus.memory_map

    def elaborate(self, platform):
        m = Module()
        m.submodules.user = user = self._user
        m.submodules.sponge = sponge = SpongeArbiter(Sponge(FoldedKeccakPermutation(self._slices)), users=2)
        connect(m, flipped(self.rival), sponge.user0)
        connect(m, user.sponge, sponge.user1)
        for name in self._inputs:
            connect(m, flipped(getattr(self, name)), getattr(user, name))
        return m


class SharedSponge(CsrBus):
    """`user` with its `bus` and the named buses as ports; `rival` is a sponge user that wins ties."""

    def __init__(self, user, *buses: str, slices_per_cycle: int = 8):
        component = _WithSponge(user, ("bus", *buses), slices_per_cycle)
        super().__init__(component, name=f"{type(user).__name__}_{slices_per_cycle}", cycle_limit=2_000_000)

    def claim(self) -> None:
        """The rival takes the sponge and keeps it."""
        self.block.set_all({"rival__words__valid": 1, "rival__words__payload": 5})
        self.block.step_until("rival__words__ready", limit=1000)
        self.block.step()
        self.block.set("rival__words__valid", 0)

    def release(self) -> None:
        """The rival gives it back."""
        self.block.set("rival__restart", 1)
        self.block.step()
        self.block.set("rival__restart", 0)
