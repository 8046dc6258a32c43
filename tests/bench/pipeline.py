"""Exact cycle counts of the path from trigger to signature, on the blocks of configuration `full`."""

import random
from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from formats.otp import Lifecycle
from formats.statement import Kind, layout
from rtl.config import CONFIGS
from rtl.crypto.ed25519_signer import Ed25519Signer
from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter
from rtl.snapshot.engine import SnapshotEngine
from rtl.snapshot.statement import StatementBuilder, connect_signer
from sim.golden.merkle import snapshot_root
from sim.rtl.block import VerilatedBlock

CONFIG = CONFIGS["full"]


@dataclass(frozen=True)
class SnapshotCycles:
    trigger_to_root: int
    """From the cycle of the trigger's pulse to the first cycle in which the root is valid."""
    capture: int
    """From the instant to the root."""
    stalls: int
    """Cycles in which the writer had to wait, of those in which it wrote: all of the capture."""
    writes: int

    @property
    def hash_bytes_per_cycle(self) -> float:
        """Sustained over the whole region, with nodes and padding, from the instant to the root."""
        return CONFIG.weight_bytes / self.capture


def measure_snapshot(seed: int = 1) -> SnapshotCycles:
    """One capture of the whole region while a writer overwrites a random word in every cycle.

    Raises AssertionError if the root is not that of the image at the instant.
    """
    block = VerilatedBlock(SnapshotEngine(CONFIG), "snapshot_engine_full", cycle_limit=10 * CONFIG.weight_words)
    source = random.Random(seed)
    block.set("boundary", 1)
    if block.get("clearing"):
        block.step_until("clearing", 0)
    content = [source.getrandbits(64) for _ in range(CONFIG.weight_words)]
    block.run(
        {
            "user__valid": [1] * len(content),
            "user__write": [1] * len(content),
            "user__addr": list(range(len(content))),
            "user__w_data": content,
        },
        [],
    )
    cycles = CONFIG.weight_words + 2000
    sampled = block.run(
        {
            "request": [1] + [0] * (cycles - 1),
            "request_cause": [2] * cycles,
            "user__valid": [1] * cycles,
            "user__write": [1] * cycles,
            "user__addr": [source.randrange(CONFIG.weight_words) for _ in range(cycles)],
            "user__w_data": [source.getrandbits(64) for _ in range(cycles)],
        },
        ["user__ready", "instant", "done", "user__addr", "user__w_data"],
    )
    instant, done = sampled["instant"].index(1), sampled["done"].index(1)
    for address, word in zip(sampled["user__addr"][:instant], sampled["user__w_data"][:instant], strict=True):
        content[address] = word
    image = b"".join(word.to_bytes(8, "little") for word in content)
    assert block.get("root").to_bytes(32, "little") == snapshot_root(image, CONFIG.page_bytes)
    assert block.get("capture_cycles") == done - instant
    stalls = sampled["user__ready"].count(0)
    assert block.get("stall_cycles") == stalls
    return SnapshotCycles(done, done - instant, stalls, cycles)


class StatementPath(wiring.Component):
    """Statement builder, signer and chain hash, as the chip has them."""

    seed: In(256)
    derive: In(1)
    derived: Out(1)
    request: In(1)
    kind: In(5)
    busy: Out(1)
    valid: Out(1)
    sign: Out(1)
    sign_cycles: Out(32)
    public_key: Out(256)
    read_addr: In(range(layout().statement_bytes // 8))
    read_data: Out(64)

    def elaborate(self, platform):
        m = Module()
        m.submodules.builder = builder = StatementBuilder(CONFIG)
        m.submodules.signer = signer = Ed25519Signer()
        m.submodules.sponge = sponge = SpongeArbiter(
            Sponge(FoldedKeccakPermutation(CONFIG.slices_per_cycle)), users=1
        )
        connect(m, builder.sponge, sponge.user0)
        connect_signer(m, builder, signer)
        m.d.comb += [
            signer.seed.eq(self.seed),
            signer.derive.eq(self.derive),
            builder.identified.eq(signer.derived),
            builder.measured.eq(1),
            builder.lifecycle.eq(Lifecycle.DEVELOPMENT),
            builder.captured.eq(1),
            builder.request.eq(self.request),
            builder.kind.eq(self.kind),
            builder.read_addr.eq(self.read_addr),
            self.read_data.eq(builder.read_data),
            self.derived.eq(signer.derived),
            self.public_key.eq(signer.public_key),
            self.busy.eq(builder.busy),
            self.valid.eq(builder.valid),
            self.sign.eq(builder.sign),
            self.sign_cycles.eq(signer.cycles),
        ]
        return m


@dataclass(frozen=True)
class SigningCycles:
    signature: int
    """From the signer's start to the signature's last word taken, as its own counter says."""
    root_to_signature: int
    """From the statement's request to the signed and chained statement."""
    derive: int
    """From the seed to the public key."""


def measure_signing(seed: int = 1) -> tuple[SigningCycles, bytes, bytes]:
    """One snapshot statement behind a boot's, under a random key: cycles, the COSE_Sign1 and the public key."""
    block = VerilatedBlock(StatementPath(), cycle_limit=1_000_000)
    block.set_all({"seed": random.Random(seed).getrandbits(256), "derive": 1})
    block.step()
    block.set("derive", 0)
    derive = block.step_until("derived", limit=400_000) + 1
    block.step(8)
    for kind in (Kind.BOOT, Kind.SNAPSHOT):
        block.set_all({"request": 1, "kind": kind})
        block.step()
        block.set("request", 0)
        root_to_signature = block.step_until("valid", limit=400_000) + 1
        block.step()
    statement = b""
    for address in range(layout().statement_bytes // 8):
        block.set("read_addr", address)
        block.step()
        statement += block.get("read_data").to_bytes(8, "little")
    cycles = SigningCycles(block.get("sign_cycles"), root_to_signature, derive)
    return cycles, statement, block.get("public_key").to_bytes(32, "little")
