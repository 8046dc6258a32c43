"""The TRNG: which samples make which words, when they come, and that none comes from a source that failed."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from formats.hashing import TICK_CYCLES_LOG2
from formats.noise import BLOCK_SAMPLES, STARTUP_SAMPLES
from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter, SpongeUser
from rtl.crypto.trng import FAST_SAMPLES, Trng
from rtl.io.trng import TrngRegisters
from sim.golden.keccak import shake256
from sim.golden.noise_health import conditioned, proportion_failure, repetition_failure
from sim.rtl.block import VerilatedBlock
from tests.unit.csr_bus import CsrBus

TICK = 1 << TICK_CYCLES_LOG2
REPETITION, PROPORTION = 81, 824
FIRST_WORD = 2486
"""Cycles from reset to the first word, at 8 slices in a cycle."""
FLAGS = ("ready", "repetition", "proportion", "failed")


class TrngWithSponge(wiring.Component):
    """other: one more user of the sponge, behind the TRNG."""

    noise: In(stream.Signature(1))
    words: Out(stream.Signature(64))
    ready: Out(1)
    repetition: Out(1)
    proportion: Out(1)
    failed: Out(1)
    samples: Out(32)
    other: In(SpongeUser())

    def elaborate(self, platform):
        m = Module()
        m.submodules.trng = trng = Trng()
        m.submodules.sponge = sponge = SpongeArbiter(Sponge(FoldedKeccakPermutation(8)), users=2)
        connect(m, flipped(self.noise), trng.noise)
        connect(m, trng.words, flipped(self.words))
        connect(m, trng.sponge, sponge.user0)
        connect(m, flipped(self.other), sponge.user1)
        for name in (*FLAGS, "samples"):
            m.d.comb += getattr(self, name).eq(getattr(trng, name))
        return m


@pytest.fixture(scope="module")
def block():
    return VerilatedBlock(TrngWithSponge())


def honest(seed: int, count: int) -> list[int]:
    source = random.Random(seed)
    return [source.getrandbits(1) for _ in range(count)]


def cycle_of(sample: int) -> int:
    """Cycle in which a sample is taken from a source that always has one."""
    return sample if sample < FAST_SAMPLES else FAST_SAMPLES + TICK * (sample - FAST_SAMPLES + 1)


def play(block, samples: list[int], takes_from: int = 0) -> dict[str, list[int]]:
    """From power-on, until the cycle after the last sample's: the outputs in each cycle.

    The source always has a sample; words are taken from cycle `takes_from` on.
    """
    block.power_on()
    offered = samples[:FAST_SAMPLES]
    slow = samples[FAST_SAMPLES:]
    if slow:
        offered += [0] + [sample for sample in slow for _ in range(TICK)]
    offered = [*offered, 0]
    cycles = len(offered)
    assert cycles == cycle_of(len(samples) - 1) + 2
    inputs = {
        "noise__payload": offered,
        "noise__valid": [1] * cycles,
        "words__ready": [int(cycle >= takes_from) for cycle in range(cycles)],
    }
    return block.run(inputs, [*FLAGS, "samples", "noise__ready", "words__valid", "words__payload"])


def words_of(outputs: dict[str, list[int]], takes_from: int = 0) -> list[int]:
    pairs = zip(outputs["words__valid"][takes_from:], outputs["words__payload"][takes_from:], strict=True)
    return [word for valid, word in pairs if valid]


def test_first_words_are_those_of_the_second_window_at_the_exact_cycle(block):
    samples = honest(1, FAST_SAMPLES + 12)
    outputs = play(block, samples)
    assert words_of(outputs) == conditioned(samples[STARTUP_SAMPLES:FAST_SAMPLES])
    valid = [cycle for cycle, valid in enumerate(outputs["words__valid"]) if valid]
    assert valid == [FIRST_WORD + 10 * index for index in range(4)]
    assert outputs["ready"].index(1) == STARTUP_SAMPLES
    assert all(outputs["ready"][STARTUP_SAMPLES:])
    assert not any(outputs["failed"])


def test_a_sample_each_tick_after_the_first_block(block):
    samples = honest(2, FAST_SAMPLES + 30)
    outputs = play(block, samples)
    asks = [cycle for cycle, ready in enumerate(outputs["noise__ready"]) if ready]
    assert asks == [cycle_of(sample) for sample in range(FAST_SAMPLES + 30)]
    for sample, cycle in enumerate(asks):
        assert outputs["samples"][cycle : cycle + 2] == [sample, sample + 1]


def test_a_tick_s_sample_is_waited_for(block):
    """A source that comes late loses the ticks that it missed, and is asked again a tick later."""
    play(block, honest(3, FAST_SAMPLES))
    asks = block.run({"noise__valid": [0] * (5 * TICK) + [1] * (2 * TICK)}, ["noise__ready"])["noise__ready"]
    # The tick that began with play's last cycle asks; from then on `ready` stays until a sample comes.
    assert [cycle for cycle, ready in enumerate(asks) if ready] == [
        *range(TICK - 1, 5 * TICK + 1),
        6 * TICK - 1,
        7 * TICK - 1,
    ]


def test_blocks_are_whole_windows_and_two_wait(block):
    """While nobody takes words a conditioned block waits and a raw one; samples after it are tested and dropped.

    The window after the first block begins while that is still being absorbed, and is dropped too.
    """
    samples = honest(5, FAST_SAMPLES + 4 * BLOCK_SAMPLES + 10)
    takes_from = cycle_of(FAST_SAMPLES + 2 * BLOCK_SAMPLES + 300)
    outputs = play(block, samples, takes_from)
    blocks = [STARTUP_SAMPLES, FAST_SAMPLES + BLOCK_SAMPLES, FAST_SAMPLES + 3 * BLOCK_SAMPLES]
    expected = [word for begin in blocks for word in conditioned(samples[begin : begin + BLOCK_SAMPLES])]
    assert words_of(outputs, takes_from) == expected
    assert outputs["words__valid"][FIRST_WORD:takes_from] == [1] * (takes_from - FIRST_WORD)


@pytest.mark.parametrize(("seed", "offers", "takes"), [(0, 0.3, 0.02), (1, 0.9, 0.5), (2, 1.0, 0.003)])
def test_stalls_on_both_sides_change_no_word(block, seed, offers, takes):
    stalls, bits = random.Random(seed), honest(seed, FAST_SAMPLES + 200)
    block.power_on()
    sample, offered, words = 0, False, []
    for _ in range(20_000):
        offered = offered or stalls.random() < offers
        payload = bits[sample] if offered else stalls.getrandbits(1)
        block.set_all({"noise__valid": offered, "noise__payload": payload, "words__ready": stalls.random() < takes})
        if block.get("words__valid") and block.get("words__ready"):
            words.append(block.get("words__payload"))
        if offered and block.get("noise__ready"):
            sample, offered = sample + 1, False
        block.step()
        if len(words) == 4:
            break
    assert words == conditioned(bits[STARTUP_SAMPLES:FAST_SAMPLES])
    assert block.get("samples") == sample >= FAST_SAMPLES


def check_failure(block, samples: list[int], takes_from: int = 0) -> dict[str, list[int]]:
    """Each flag is 1 from the cycle after the golden model's sample on; no word is valid from the first on."""
    outputs = play(block, samples, takes_from)
    cycles = range(len(outputs["failed"]))
    failures = {
        "repetition": repetition_failure(samples, REPETITION),
        "proportion": proportion_failure(samples, PROPORTION),
    }
    for name, index in failures.items():
        assert outputs[name] == [int(index is not None and cycle > cycle_of(index)) for cycle in cycles], name
    first = cycle_of(min(index for index in failures.values() if index is not None)) + 1
    assert outputs["failed"] == [int(cycle >= first) for cycle in cycles]
    assert not any(outputs["words__valid"][first:])
    assert not any(outputs["ready"][first:])
    return outputs


@pytest.mark.parametrize("value", [0, 1])
def test_stuck_source_gives_nothing(block, value):
    outputs = check_failure(block, [value] * (FAST_SAMPLES + 40))
    assert not any(outputs["words__valid"]) and not any(outputs["ready"])
    assert outputs["repetition"].index(1) == REPETITION
    assert outputs["proportion"].index(1) == PROPORTION


@pytest.mark.parametrize("ones", [0.1, 0.85, 0.95])
def test_biased_source_gives_nothing(block, ones):
    source = random.Random(6)
    samples = [int(source.random() < ones) for _ in range(FAST_SAMPLES + 20)]
    assert proportion_failure(samples, PROPORTION) < STARTUP_SAMPLES
    outputs = check_failure(block, samples)
    assert not any(outputs["words__valid"]) and not any(outputs["ready"])


def test_alternating_source_passes(block):
    """The standard's two tests cannot see it."""
    samples = [0, 1] * (FAST_SAMPLES // 2 + 6)
    assert words_of(play(block, samples)) == conditioned(samples[STARTUP_SAMPLES:FAST_SAMPLES])


def test_failure_at_the_first_block_s_last_sample_lets_no_word_out(block):
    good = honest(7, FAST_SAMPLES - REPETITION)
    good[-1] = 0
    samples = [*good, *[1] * REPETITION, *honest(8, 20)]
    assert repetition_failure(samples, REPETITION) == FAST_SAMPLES - 1
    outputs = check_failure(block, samples)
    assert not any(outputs["words__valid"])


@pytest.mark.parametrize("value", [0, 1])
def test_late_failure_takes_back_words_that_wait(block, value):
    samples = [*honest(9, FAST_SAMPLES + 20), 1 - value, *[value] * 100, *honest(10, 40)]
    failure = repetition_failure(samples, REPETITION)
    assert failure == FAST_SAMPLES + 20 + REPETITION
    outputs = check_failure(block, samples, takes_from=cycle_of(failure) + 1)
    assert all(outputs["words__valid"][FIRST_WORD : cycle_of(failure) + 1])


def test_flags_stay_until_power_on(block):
    check_failure(block, [1] * 100)
    block.set("noise__valid", 1)
    # Honest samples change nothing.
    outputs = block.run({"noise__payload": honest(11, 4000), "words__ready": [1] * 4000}, [*FLAGS, "words__valid"])
    assert all(outputs["failed"]) and not any(outputs["ready"]) and not any(outputs["words__valid"])
    block.reset()
    assert [block.get(name) for name in FLAGS] == [0, 0, 0, 0]
    assert block.get("samples") == 0


def test_failure_while_a_block_is_conditioned_gives_the_sponge_back(block):
    """The first block is in the sponge when the source fails; the other user's message still gets through."""
    samples = [*honest(12, FAST_SAMPLES - REPETITION + 1), *[0] * (REPETITION + 3)]
    samples[FAST_SAMPLES - REPETITION] = 1
    assert repetition_failure(samples, REPETITION) == FAST_SAMPLES
    check_failure(block, samples)
    assert cycle_of(FAST_SAMPLES) < FIRST_WORD
    message = bytes(range(8))
    block.set_all(
        {
            "noise__valid": 0,
            "other__words__payload": int.from_bytes(message, "little") | 1 << 64,
            "other__shake256": 1,
            "other__digest__ready": 1,
            "other__words__valid": 1,
        }
    )
    block.step_until("other__words__ready", limit=1000)
    block.step()
    block.set("other__words__valid", 0)
    block.step_until("other__digest__valid", limit=1000)
    assert block.get("other__digest__payload").to_bytes(8, "little") == shake256(message, 8)


def test_registers_show_the_state():
    bus = CsrBus(TrngRegisters())
    assert (bus.address("status"), bus.address("samples")) == (0, 4)
    for bit, name in enumerate(("ready", "repetition", "proportion")):
        bus.block.power_on()
        bus.block.set(name, 1)
        assert bus.read("status") == 1 << bit
    bus.block.set("samples", 0x89ABCDEF)
    assert bus.read("samples") == 0x89ABCDEF
