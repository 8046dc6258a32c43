"""A memory behind the WeightPort of a block under test, with stalls, and with noise where data must not be used."""

import random

from formats.hashing import WORD_BYTES
from sim.rtl.block import VerilatedBlock


class MemoryModel:
    """Serves `prefix` of a block from a bytearray.

    stall: probability that a cycle is not ready. Read data are there in the cycle after an access alone.
    """

    def __init__(
        self, block: VerilatedBlock, image: bytes, prefix: str = "memory", stall: float = 0.0, seed: int = 0
    ):
        self.block, self.prefix, self.stall = block, prefix, stall
        self.image = bytearray(image)
        self.random = random.Random(seed)
        self.accesses = self.writes = 0
        self._ready()

    def _ready(self) -> None:
        self.block.set(f"{self.prefix}__ready", self.random.random() >= self.stall)

    def step(self) -> None:
        """One clock cycle."""
        block, prefix = self.block, self.prefix
        data = self.random.getrandbits(64)
        if block.get(f"{prefix}__valid") and block.get(f"{prefix}__ready"):
            at = WORD_BYTES * block.get(f"{prefix}__addr")
            data = int.from_bytes(self.image[at : at + WORD_BYTES], "little")
            self.accesses += 1
            if block.get(f"{prefix}__write"):
                self.writes += 1
                self.image[at : at + WORD_BYTES] = block.get(f"{prefix}__w_data").to_bytes(WORD_BYTES, "little")
        block.step()
        block.set(f"{prefix}__r_data", data)
        self._ready()

    def run(self, descriptor: bytes, limit: int = 200_000) -> int:
        """Starts the unit with a descriptor and steps past `done`; returns the cycles, start and done included."""
        block = self.block
        block.set_all({"start": 1, "descriptor": int.from_bytes(descriptor, "little")})
        self.step()
        block.set("start", 0)
        for cycles in range(2, limit):
            done = block.get("done")
            self.step()
            if done:
                return cycles
        raise AssertionError(f"not done within {limit} cycles")
