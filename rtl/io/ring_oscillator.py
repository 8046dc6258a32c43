"""The noise source of boards: free-running rings of inverters, whose jitter is sampled by the chip's clock."""

from collections.abc import Sequence

from amaranth.hdl import Instance, Module, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

RING_LENGTHS = (3, 5, 7, 9, 11, 13)
"""Lengths differ, so that no two rings lock to each other."""

_INVERTER = 0x5555
"""Truth table of a four-input LUT: the inverse of its first input, whatever the others are."""


class LutFamily(enum.Enum):
    """Whose LUTs the rings are made of."""

    ECP5 = "ECP5"
    """LUT4."""
    ICE40 = "iCE40"
    """SB_LUT4."""


class NoiseSampler(wiring.Component):
    """Makes noise samples of signals that have nothing to do with the clock.

    rings: asynchronous. Each passes two flops of its own and only then goes into the sum modulo 2: a sum of the rings
        themselves would move faster than a flop can follow.
    noise: a sample of the sum is valid every sample_cycles cycles, first sample_cycles cycles after reset: the sum of
        the rings as they were three cycles earlier. It waits until it is taken; no other is made meanwhile.

    sample_cycles: 2 or more, else ValueError. Jitter adds up from sample to sample: the longer, the more entropy.
    """

    def __init__(self, rings: int, sample_cycles: int):
        if sample_cycles < 2:
            raise ValueError(f"a sample every {sample_cycles} cycles: at least 2 are needed")
        super().__init__({"rings": In(rings), "noise": Out(stream.Signature(1))})
        self.sample_cycles = sample_cycles

    def elaborate(self, platform):
        m = Module()
        synchronised = Signal.like(self.rings)
        m.submodules.synchroniser = FFSynchronizer(self.rings, synchronised)
        cycle = Signal(range(self.sample_cycles))
        last = cycle == self.sample_cycles - 1
        m.d.sync += cycle.eq(cycle + 1)
        with m.If(last):
            m.d.sync += cycle.eq(0)
        with m.If(last & (~self.noise.valid | self.noise.ready)):
            m.d.sync += [self.noise.valid.eq(1), self.noise.payload.eq(synchronised.xor())]
        with m.Elif(self.noise.ready):
            m.d.sync += self.noise.valid.eq(0)
        return m


class RingOscillator(wiring.Component):
    """Rings of inverters and their sampler; `noise` is that of NoiseSampler.

    family: of the FPGA. lengths: inverters in each ring, odd numbers, else ValueError.

    Synthesis keeps each LUT and each net of the rings (`keep`). Tools that analyse timing must be told that the loops
    are meant. No simulator can run this block.
    """

    noise: Out(stream.Signature(1))

    def __init__(self, family: LutFamily, lengths: Sequence[int] = RING_LENGTHS, sample_cycles: int = 64):
        if not lengths or any(length % 2 == 0 or length < 1 for length in lengths):
            raise ValueError(f"rings of {list(lengths)} inverters: odd numbers are needed")
        self.family = LutFamily(family)
        self.lengths = tuple(lengths)
        self.sample_cycles = sample_cycles
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.sampler = sampler = NoiseSampler(len(self.lengths), self.sample_cycles)
        wiring.connect(m, sampler.noise, wiring.flipped(self.noise))
        for number, length in enumerate(self.lengths):
            nets = [Signal(name=f"ring_{number}_{index}", attrs={"keep": 1}) for index in range(length)]
            for index, net in enumerate(nets):
                m.submodules[f"inverter_{number}_{index}"] = self._inverter(nets[index - 1], net)
            m.d.comb += sampler.rings[number].eq(nets[-1])
        return m

    def _inverter(self, source: Signal, target: Signal) -> Instance:
        if self.family == LutFamily.ECP5:
            return Instance(
                "LUT4", a_keep=1, p_INIT=_INVERTER, i_A=source, i_B=0, i_C=0, i_D=0, o_Z=target
            )  # fmt: skip
        return Instance(
            "SB_LUT4", a_keep=1, p_LUT_INIT=_INVERTER, i_I0=source, i_I1=0, i_I2=0, i_I3=0, o_O=target
        )  # fmt: skip
