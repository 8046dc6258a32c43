"""A snapshot engine under simulation, with a user who knows what its memory must hold."""

import random
from functools import cache

from rtl.snapshot.engine import SnapshotEngine
from sim.golden.merkle import snapshot_root
from sim.rtl.block import VerilatedBlock
from tests.unit.watched_memories import WatchedShadowedBits, WatchedShadowMemory, WatchedWeightMemory


@cache
def engine_block(config, watched):
    memories = {
        "weight_memory": WatchedWeightMemory,
        "shadow_memory": WatchedShadowMemory,
        "shadowed_bits": WatchedShadowedBits,
    }
    return VerilatedBlock(SnapshotEngine(config, **(memories if watched else {})), cycle_limit=10_000_000)


class SnapshotBench:
    """Powers the engine on and fills its memory with random words; checks every word that the user reads.

    watched: with memories that spoil every undefined result. weights: what the memory must hold. expected: the
    weights at the last instant. `boundary` is 1.
    """

    def __init__(self, config, watched=False, seed=1):
        self.config = config
        self.words = config.weight_words
        self.random = random.Random(seed)
        self.block = engine_block(config, watched)
        self.block.power_on()
        self.weights = [0] * self.words
        self.expected = None
        self.block.set("boundary", 1)
        assert self.block.step_until("clearing", 0, limit=self.words) == self.words
        for address in range(self.words):
            self.step(address)

    def step(self, address=None, write=True, **inputs):
        """One cycle: an access by the user if there is an address, and one-cycle values of other inputs."""
        block = self.block
        block.set_all(inputs)
        if block.get("instant"):
            self.expected = list(self.weights)
        if address is None:
            block.step()
        else:
            data = self.random.getrandbits(64)
            block.set_all({"user__valid": 1, "user__write": write, "user__addr": address, "user__w_data": data})
            block.step()
            block.set("user__valid", 0)
            assert block.get("user__r_data") == self.weights[address]
            if write:
                self.weights[address] = data
        block.set_all(dict.fromkeys(inputs, 0))

    def capture(self, writer, cause=2, limit=100_000):
        """Requests a snapshot and lets `writer(self, cycle)` make each cycle from the instant (0) on.

        Returns the cycles from the instant to `done`.
        """
        self.step(request=1, request_cause=cause)
        assert self.block.get("instant")
        return self.follow(writer, limit)

    def follow(self, writer, limit=100_000):
        """As `capture`, from the instant on."""
        block = self.block
        for cycle in range(limit):
            writer(self, cycle)
            assert block.get("capturing") != block.get("done")
            if block.get("done"):
                return cycle + 1
        raise AssertionError(f"no root after {limit} cycles")

    def check_image(self):
        """Root and shadow memory are those of the instant; the weights are the user's."""
        block = self.block
        image = b"".join(word.to_bytes(8, "little") for word in self.expected)
        root = int.from_bytes(snapshot_root(image, self.config.page_bytes), "little")
        assert (block.get("done"), block.get("root")) == (1, root)
        addresses = range(self.words)
        shadow = block.run({"image__addr": [*addresses, 0]}, ["image__data"])["image__data"]
        assert shadow[1:] == self.expected
        reads = block.run({"user__valid": [1] * self.words + [0], "user__write": [0] * (self.words + 1),
                           "user__addr": [*addresses, 0]}, ["user__r_data"])["user__r_data"]  # fmt: skip
        assert reads[1:] == self.weights
        assert block.get("stall_cycles") == 0
