"""Deals the words of one stream to consumers that ask for them."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class WordSplitter(wiring.Component):
    """Gives each word of `words` to exactly one of `consumers` consumers, and keeps none.

    output0 to output<consumers - 1>: a consumer asks by `ready`. A word that waits is promised to the lowest of
        those that ask, and valid there alone from the next cycle until it is taken; a consumer that no longer wants
        it holds it up. A word every two cycles. If `words` loses `valid` without a transfer, so does the output in
        the same cycle.
    """

    def __init__(self, consumers: int):
        super().__init__(
            {
                "words": In(stream.Signature(64)),
                **{f"output{index}": Out(stream.Signature(64)) for index in range(consumers)},
            }
        )
        self._consumers = consumers

    def elaborate(self, platform):
        m = Module()
        outputs = [getattr(self, f"output{index}") for index in range(self._consumers)]
        promised = Signal()
        owner = Signal(range(self._consumers))

        m.d.comb += [output.payload.eq(self.words.payload) for output in outputs]
        with m.If(promised):
            with m.Switch(owner):
                for index, output in enumerate(outputs):
                    with m.Case(index):
                        m.d.comb += [output.valid.eq(self.words.valid), self.words.ready.eq(output.ready)]
            with m.If(self.words.valid & self.words.ready):
                m.d.sync += promised.eq(0)
        with m.Elif(self.words.valid):
            for index, output in reversed(list(enumerate(outputs))):
                with m.If(output.ready):
                    m.d.sync += [promised.eq(1), owner.eq(index)]
        return m
