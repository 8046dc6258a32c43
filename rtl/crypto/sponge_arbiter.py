"""Shares one sponge between users with short messages."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rtl.crypto.sponge import SPONGE_WORD, Sponge


class SpongeUser(wiring.Signature):
    """A sponge as its user sees it: Sponge's ports, from the user's side.

    `words.valid` asks for the sponge; once a first word is taken the sponge is the user's own until it
    pulses `restart`, which must end every message. A user whose messages are whole words leaves `padded` at 0.
    """

    def __init__(self):
        super().__init__(
            {
                "words": Out(stream.Signature(SPONGE_WORD)),
                "shake256": Out(1),
                "domain": Out(8),
                "digest": In(stream.Signature(64)),
                "restart": Out(1),
            }
        )


class SpongeArbiter(wiring.Component):
    """Gives a sponge to `users` users in turn, one whole message each; the lowest index wins a tie.

    A user waits at most for the message that is being hashed.
    """

    def __init__(self, sponge: Sponge, users: int):
        super().__init__({f"user{index}": In(SpongeUser()) for index in range(users)})
        self._sponge = sponge
        self._users = users

    def elaborate(self, platform):
        m = Module()
        m.submodules.sponge = sponge = self._sponge
        users = [getattr(self, f"user{index}") for index in range(self._users)]
        owner = Signal(max(1, (self._users - 1).bit_length()))
        owned = Signal()

        with m.If(~owned):
            for index, user in reversed(list(enumerate(users))):
                with m.If(user.words.valid):
                    m.d.sync += [owner.eq(index), owned.eq(1)]
        with m.Else(), m.Switch(owner):
            for index, user in enumerate(users):
                with m.Case(index):
                    connect(m, flipped(user.words), sponge.words)
                    connect(m, sponge.digest, flipped(user.digest))
                    m.d.comb += [
                        sponge.shake256.eq(user.shake256),
                        sponge.domain.eq(user.domain),
                        sponge.restart.eq(user.restart),
                    ]
                    with m.If(user.restart):
                        m.d.sync += owned.eq(0)
        return m
