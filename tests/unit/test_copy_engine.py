"""CopyEngine on memories that spoil every undefined result: whatever is written, the image is the instant's."""

import random
from functools import cache

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rtl.memory.weights import WeightPort, WordReadPort
from rtl.snapshot.copy import CopyEngine
from sim.rtl.block import VerilatedBlock
from tests.unit.watched_memories import WatchedShadowedBits, WatchedShadowMemory, WatchedWeightMemory

WORDS = 61


class CopyWithMemories(wiring.Component):
    """A copy engine between its memories; `position` is the word that it looks at."""

    user: In(WeightPort(WORDS))
    image: In(WordReadPort(WORDS))
    start: In(1)
    ready: Out(1)
    position: Out(range(WORDS))
    words: Out(stream.Signature(64))

    def elaborate(self, platform):
        m = Module()
        m.submodules.copy = copy = CopyEngine(WORDS)
        m.submodules.weights = weights = WatchedWeightMemory(WORDS)
        m.submodules.shadow = shadow = WatchedShadowMemory(WORDS)
        m.submodules.bits = bits = WatchedShadowedBits(WORDS)
        connect(m, flipped(self.user), weights.user)
        connect(m, flipped(self.image), shadow.image)
        connect(m, copy.words, flipped(self.words))
        connect(m, copy.weights, weights.copy)
        connect(m, copy.shadow_save, shadow.save)
        connect(m, copy.shadow_walk, shadow.walk)
        connect(m, copy.mark, bits.mark)
        connect(m, copy.take, bits.take)
        m.d.comb += [
            copy.start.eq(self.start),
            self.ready.eq(copy.ready),
            self.position.eq(copy.weights.addr),
            copy.write.eq(self.user.valid & self.user.write),
            copy.write_addr.eq(self.user.addr),
            copy.old_word.eq(self.user.r_data),
        ]
        return m


@cache
def copy_block():
    return VerilatedBlock(CopyWithMemories())


class Bench:
    """The block, and what its weights should be. `consume` and `write` choose each cycle's stimulus."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.block = copy_block()
        self.block.power_on()
        self.weights = [0] * WORDS
        self.block.step_until("ready", limit=WORDS)
        for address in range(WORDS):
            self.access(address, write=True)

    def access(self, address, write):
        """One user access; a read's word, or a write's old word, must be there in the next cycle."""
        data = self.random.getrandbits(64)
        self.block.set_all({"user__valid": 1, "user__write": write, "user__addr": address, "user__w_data": data})
        assert self.block.get("user__ready")
        self.block.step()
        self.block.set("user__valid", 0)
        assert self.block.get("user__r_data") == self.weights[address]
        if write:
            self.weights[address] = data

    def idle(self):
        self.block.step()

    def capture(self, write, consumes):
        """Takes an image; `write` makes the user's cycle at a position, `consumes` says if a word may leave.

        Returns the streamed words and the cycles from the start until the last of them left.
        """
        block, streamed = self.block, []
        expected = list(self.weights)
        begin = block.cycles
        block.set("start", 1)
        while len(streamed) < WORDS:
            block.set("words__ready", consumes())
            if block.get("words__valid") and block.get("words__ready"):
                streamed.append(block.get("words__payload"))
            write(self, block.get("position"))
            block.set("start", 0)
        block.set("words__ready", 1)
        cycles = block.cycles - begin
        assert streamed == expected
        assert self.image() == expected
        assert not block.get("words__valid")
        return cycles

    def image(self):
        words = []
        for address in range(WORDS):
            self.block.set("image__addr", address)
            self.block.step()
            words.append(self.block.get("image__data"))
        return words


def nowhere(bench, position):
    bench.idle()


def anywhere(bench, position):
    bench.access(bench.random.randrange(WORDS), write=True)


def sometimes(bench, position):
    choice = bench.random.random()
    if choice < 0.4:
        bench.idle()
    else:
        bench.access(bench.random.randrange(WORDS), write=choice < 0.8)


def around(bench, position):
    bench.access(max(0, min(WORDS - 1, position + bench.random.randrange(-2, 4))), write=True)


def same_word(bench, position):
    bench.access(WORDS // 2, write=True)


def reading(bench, position):
    bench.access(position, write=False)


def backwards(bench, position):
    bench.access((WORDS - 1 - bench.block.cycles) % WORDS, write=True)


def at_distance(distance):
    def write(bench, position):
        bench.access(max(0, min(WORDS - 1, position + distance)), write=True)

    write.__name__ = f"at_{distance:+}"
    return write


WRITERS = [
    nowhere, anywhere, sometimes, around, same_word, reading, backwards, *map(at_distance, (-2, -1, 0, 1, 2, 3))
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_image_is_the_instants_at_full_rate(write):
    """Word 0 leaves three cycles after the start, and one more in every cycle; captures follow each other."""
    bench = Bench(1)
    for _ in range(10):
        assert bench.capture(write, consumes=lambda: 1) == WORDS + 3


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("willing", [0.1, 0.5, 0.9])
def test_image_is_the_instants_when_the_consumer_stalls(write, willing):
    bench = Bench(2)
    for _ in range(10):
        bench.capture(write, consumes=lambda: bench.random.random() < willing)


def test_image_is_the_instants_whatever_random_mixture_is_played():
    bench = Bench(3)
    for _ in range(200):
        writers = bench.random.sample(WRITERS, 3)
        willing = bench.random.choice([0.05, 0.3, 0.7, 1.0])
        bench.capture(
            lambda bench, position, writers=writers: bench.random.choice(writers)(bench, position),
            consumes=lambda willing=willing: bench.random.random() < willing,
        )


def test_offered_word_stays_until_taken():
    bench = Bench(4)
    block = bench.block
    block.set("start", 1)
    block.step()
    block.set("start", 0)
    block.step_until("words__valid", limit=3)
    for _ in range(3 * WORDS):
        assert (block.get("words__valid"), block.get("words__payload")) == (1, bench.weights[0])
        block.step()


@pytest.mark.parametrize("cycle", [1, 5, 30, WORDS - 1, WORDS + 2])
def test_a_reset_in_a_capture_leaves_no_trace(cycle):
    """All words are marked as saved, then a reset comes: the next image must not take them for its own."""
    bench = Bench(5)
    block = bench.block
    block.set("start", 1)
    for address in reversed(range(WORDS - cycle, WORDS)):
        bench.access(max(0, address), write=True)
        block.set("start", 0)
    block.reset()
    assert not block.get("ready")
    assert block.step_until("ready", limit=WORDS) == WORDS
    block.step()
    assert bench.image() == [0] * WORDS
    bench.capture(anywhere, consumes=lambda: 1)


def test_writes_outside_a_capture_save_nothing():
    bench = Bench(6)
    bench.capture(nowhere, consumes=lambda: 1)
    image = bench.image()
    for _ in range(3 * WORDS):
        anywhere(bench, 0)
    assert bench.image() == image
