"""Continuous health tests of the noise source: repetition count and adaptive proportion (SP 800-90B 4.4.1, 4.4.2)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from formats.noise import WINDOW_SAMPLES, proportion_cutoff, repetition_cutoff


class NoiseHealth(wiring.Component):
    """Both tests on the samples of a binary source, at the cutoffs of formats/noise.py.

    sample: tested in each cycle in which `valid` is 1; one per cycle at most, without a pause if need be.
    first: the next sample is the first of a window of the adaptive proportion test.
    repetition, proportion: 1 from the cycle after the sample that fails the test; only a reset of the clock domain
        (power-on) clears them. The proportion test fails as soon as its cutoff is reached, before the window's end.
    """

    sample: In(1)
    valid: In(1)
    first: Out(1)
    repetition: Out(1)
    proportion: Out(1)

    def elaborate(self, platform):
        m = Module()
        repetition_limit, proportion_limit = repetition_cutoff(), proportion_cutoff()

        previous, run_length = Signal(), Signal(range(repetition_limit + 1))
        run_now = Signal.like(run_length)
        # No run before the first sample: its length is then 1 whatever it is compared with.
        m.d.comb += run_now.eq(Mux((self.sample == previous) & (run_length != 0), run_length + 1, 1))

        position = Signal(range(WINDOW_SAMPLES))
        reference, matches = Signal(), Signal(range(WINDOW_SAMPLES + 1))
        matches_now = Signal.like(matches)
        m.d.comb += [
            self.first.eq(position == 0),
            matches_now.eq(Mux(self.first, 1, matches + (self.sample == reference))),
        ]

        with m.If(self.valid):
            m.d.sync += [
                previous.eq(self.sample),
                run_length.eq(Mux(run_now == repetition_limit, run_length, run_now)),
                matches.eq(matches_now),
                position.eq(Mux(position == WINDOW_SAMPLES - 1, 0, position + 1)),
            ]
            with m.If(self.first):
                m.d.sync += reference.eq(self.sample)
            with m.If(run_now == repetition_limit):
                m.d.sync += self.repetition.eq(1)
            with m.If(matches_now == proportion_limit):
                m.d.sync += self.proportion.eq(1)
        return m
