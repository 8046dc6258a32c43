"""MerkleTreeHasher against the golden tree, with stalls; its exact cycle counts."""

import random

import pytest

from rtl.snapshot.merkle import MerkleTreeHasher
from sim.golden.merkle import snapshot_root
from sim.rtl.block import VerilatedBlock


class Bench:
    def __init__(self, pages, page_words, rounds_per_cycle=1):
        self.block = VerilatedBlock(MerkleTreeHasher(pages, page_words, rounds_per_cycle), cycle_limit=100_000)
        self.words = pages * page_words
        self.page_bytes = 8 * page_words

    def hash(self, image, offers=lambda: 1):
        """Streams an image's words. Returns the cycles from the first word's to `done`, and those not ready."""
        block = self.block
        block.set("restart", 1)
        block.step()
        block.set("restart", 0)
        assert not block.get("done")
        begin, stalls = block.cycles, 0
        for word in image:
            while not offers():
                block.step()
            block.set_all({"words__valid": 1, "words__payload": word})
            stalls += block.step_until("words__ready", limit=1000)
            assert not block.get("done")
            block.step()
            block.set("words__valid", 0)
        block.step_until("done", limit=1000)
        return block.cycles - begin, stalls

    def check(self, image):
        """`root` is the image's, and stays."""
        root = snapshot_root(b"".join(word.to_bytes(8, "little") for word in image), self.page_bytes)
        for _ in range(30):
            assert (self.block.get("done"), self.block.get("root")) == (1, int.from_bytes(root, "little"))
            self.block.step()

    def image(self, rng):
        return [rng.getrandbits(64) for _ in range(self.words)]


@pytest.mark.parametrize("pages", [*range(1, 10), 31, 32, 33])
def test_root_of_any_number_of_pages(pages):
    """Pages of one block, where merges are densest; full rate, half rate and rare words, tree after tree."""
    bench = Bench(pages, page_words=8)
    rng = random.Random(pages)
    for rate in (1.0, 0.5, 0.04, 1.0):
        image = bench.image(rng)
        bench.hash(image, offers=lambda rate=rate: rng.random() < rate)
        bench.check(image)


@pytest.mark.parametrize(("page_words", "rounds_per_cycle"), [(1, 2), (21, 1), (42, 2)])
def test_root_of_any_page_size(page_words, rounds_per_cycle):
    bench = Bench(6, page_words, rounds_per_cycle)
    rng = random.Random(page_words)
    for rate in (1.0, 0.5):
        image = bench.image(rng)
        bench.hash(image, offers=lambda rate=rate: rng.random() < rate)
        bench.check(image)


@pytest.mark.parametrize(
    ("pages", "rounds_per_cycle", "cycles"),
    [(32, 1, 16468), (5, 1, 2607), (32, 2, 16427)],
)
def test_pages_of_4096_bytes_are_hashed_at_the_streams_rate(pages, rounds_per_cycle, cycles):
    """No word waits. 128 KiB in 16468 cycles are 7.959 bytes in a cycle, of 8 that a 64-bit stream can bring."""
    bench = Bench(pages, 512, rounds_per_cycle)
    image = bench.image(random.Random(pages))
    assert bench.hash(image) == (cycles, 0)
    bench.check(image)


@pytest.mark.parametrize("cycle", [3, 60, 2607])
def test_a_reset_forgets_the_tree(cycle):
    bench = Bench(5, 512)
    bench.block.set("words__valid", 1)
    bench.block.step(cycle)
    bench.block.set("words__valid", 0)
    bench.block.reset()
    image = bench.image(random.Random(cycle))
    bench.hash(image)
    bench.check(image)
