"""The statement builder against the golden statement, with the golden signature in the signer's place."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect

from formats.statement import Kind, layout
from rtl.config import CONFIGS
from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from rtl.crypto.sponge_arbiter import SpongeArbiter
from rtl.snapshot.statement import FACTS, StatementBuilder
from sim.golden import ed25519
from sim.golden import statement as golden
from sim.rtl.block import VerilatedBlock

CONFIG = CONFIGS["test"]
SEED = bytes(range(32))


class BuilderWithSponge(wiring.Component):
    def __init__(self):
        self._builder = StatementBuilder(CONFIG)
        members = {name: member for name, member in self._builder.signature.members.items() if name != "sponge"}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.builder = builder = StatementBuilder(CONFIG)
        m.submodules.sponge = sponge = SpongeArbiter(Sponge(FoldedKeccakPermutation(8)), users=1)
        connect(m, builder.sponge, sponge.user0)
        for name, member in self.signature.members.items():
            inner, outer = getattr(builder, name), getattr(self, name)
            m.d.comb += inner.eq(outer) if member.flow is wiring.In else outer.eq(inner)
        return m


def packed(facts: dict[str, int]) -> int:
    return FACTS.const(
        {
            name: [value >> 64 * index & (1 << 64) - 1 for index in range(4)] if name == "inputs" else value
            for name, value in facts.items()
        }
    ).as_bits()


class Chip:
    """The builder, what it is told, and what a statement must therefore say."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.block = VerilatedBlock(BuilderWithSponge(), cycle_limit=1_000_000)
        self.chain, self.seq = bytes(32), 0
        self.fixed = {
            "chip_id": self.random.randbytes(16),
            "measurement": self.random.randbytes(32),
            "root": self.random.randbytes(32),
        }
        for name, value in self.fixed.items():
            self.block.set(name, int.from_bytes(value, "little"))
        self.cause = self.random.choice([1, 2, 3, 9, 10, 11])
        self.block.set("cause", self.cause)
        self.bootcount, self.version = self.random.getrandbits(32), self.random.getrandbits(32)
        self.block.set_all(
            {"bootcount": self.bootcount, "security_version": self.version, "identified": 1, "signature_valid": 0}
        )

    def random_facts(self) -> dict[str, int]:
        return {
            "ticks": self.random.getrandbits(64),
            "macs": self.random.getrandbits(64),
            "steps": self.random.getrandbits(64),
            "descriptor": self.random.getrandbits(64),
            "inputs": self.random.getrandbits(256),
            "records": self.random.getrandbits(64),
            "words": self.random.getrandbits(32),
        }

    def slots(self) -> tuple[bytes, bytes]:
        nonce, digest = self.random.randbytes(32), self.random.randbytes(32)
        for index, at in enumerate(range(0, 64, 4)):
            word = int.from_bytes((nonce + digest)[at : at + 4], "little")
            self.block.set_all({"slot_write": 1, "slot_index": index, "slot_data": word})
            self.block.step()
        self.block.set("slot_write", 0)
        return nonce, digest

    def request(self, kind: int) -> None:
        self.block.set_all({"request": 1, "kind": kind})
        self.block.step()
        self.block.set("request", 0)

    def sign(self, elapsed: int = 0) -> bytes:
        """Plays the signer; disturbs every input meanwhile, since the statement must be what it was."""
        walk = elapsed + self.block.step_until("sign", limit=600)
        templates = (layout().sig_structure_prefix, layout().statement_prefix, layout().payload)
        assert walk == sum(map(len, templates)) + 2
        self.block.step()
        length = self.block.get("message_length")
        message = b""
        for address in range(-(-length // 8)):
            self.block.set("message_addr", address)
            self.block.step()
            message += self.block.get("message_data").to_bytes(8, "little")
        signature = ed25519.sign(SEED, message[:length])
        for at in range(0, 64, 8):
            self.block.set_all(
                {"signature_valid": 1, "signature_data": int.from_bytes(signature[at : at + 8], "little")}
            )
            while not self.block.get("signature_ready"):
                self.block.step()
            self.block.step()
            self.block.set("signature_valid", 0)
            self.block.step(self.random.randrange(3))
        return signature

    def statement(self) -> bytes:
        self.block.step_until("busy", 0, limit=3000)
        assert self.block.get("valid")
        result = b""
        for address in range(layout().statement_bytes // 8):
            self.block.set("read_addr", address)
            self.block.step()
            result += self.block.get("read_data").to_bytes(8, "little")
        return result

    def expected(self, kind: Kind, facts: dict[str, int], nonce: bytes, digest: bytes) -> bytes:
        values = {
            "nonce": nonce,
            "ueid": b"\x01" + self.fixed["chip_id"],
            "kind": kind,
            "seq": self.seq,
            "bootcount": self.bootcount,
            "firmware": self.fixed["measurement"],
            "security_version": self.version,
            "chain": self.chain,
            "pages": CONFIG.pages,
            "page_size": CONFIG.page_bytes,
            "region": 0,
            "digest": self.fixed["root"] if kind is Kind.SNAPSHOT else digest,
            **facts,
            "inputs": facts["inputs"].to_bytes(32, "little"),
            "cause": self.cause if kind is Kind.SNAPSHOT else 0,
        }
        statement = golden.encode(values, SEED)
        self.chain, self.seq = golden.chained(self.chain, statement), self.seq + 1
        return statement


@pytest.mark.parametrize("seed", range(3))
def test_statements_equal_the_golden_ones_in_a_chain(seed):
    chip = Chip(seed)
    for kind in (Kind.BOOT, Kind.SNAPSHOT, Kind.HEAD, Kind.PRECOMMIT, Kind.SNAPSHOT, Kind.UPDATE, Kind.ERROR):
        nonce, digest = chip.slots()
        facts = chip.random_facts()
        chip.block.set("facts", packed(facts))
        if kind is Kind.SNAPSHOT:
            chip.block.set_all({"instant": 1, "captured": 0})
            chip.block.step()
            chip.block.set_all({"instant": 0, "captured": 1, "facts": packed(chip.random_facts())})
            chip.block.step(5)
        chip.request(kind)
        chip.block.set("facts", packed(chip.random_facts()))
        chip.sign()
        assert chip.statement() == chip.expected(kind, facts, nonce, digest)
        assert chip.block.get("seq") == chip.seq


def test_firmware_cannot_choose_a_snapshot_s_digest_nor_write_while_busy():
    chip = Chip(5)
    nonce, digest = chip.slots()
    facts = chip.random_facts()
    chip.block.set_all({"facts": packed(facts), "instant": 1})
    chip.block.step()
    chip.block.set_all({"instant": 0, "captured": 1})
    chip.request(Kind.SNAPSHOT)
    chip.slots()
    chip.sign(elapsed=16)
    made = chip.statement()
    assert digest not in made and chip.fixed["root"] in made
    assert made == chip.expected(Kind.SNAPSHOT, facts, nonce, digest)


@pytest.mark.parametrize(
    ("kind", "captured", "identified"),
    [(Kind.SNAPSHOT, 0, 1), (0, 1, 1), (7, 1, 1), (31, 1, 1), (Kind.HEAD, 1, 0), (Kind.SNAPSHOT, 1, 0)],
)
def test_refused_requests_make_nothing(kind, captured, identified):
    chip = Chip(6)
    chip.block.set_all({"captured": captured, "identified": identified})
    chip.request(kind)
    assert chip.block.get("refused") and not chip.block.get("busy")
    chip.block.step(1000)
    assert chip.block.get("seq") == 0 and not chip.block.get("valid")
    chip.block.set_all({"captured": 1, "identified": 1})
    chip.request(Kind.HEAD)
    assert not chip.block.get("refused") and chip.block.get("busy")


def test_nothing_can_be_read_before_a_statement_is_whole():
    chip = Chip(7)
    chip.request(Kind.HEAD)
    chip.sign()
    for address in range(layout().statement_bytes // 8):
        chip.block.set("read_addr", address)
        chip.block.step()
        if chip.block.get("busy"):
            assert chip.block.get("read_data") == 0


def test_stated_marks_the_end_of_a_snapshot_s_walk_only():
    chip = Chip(8)
    for kind, stated in ((Kind.HEAD, 0), (Kind.SNAPSHOT, 1)):
        chip.block.set("captured", 1)
        chip.request(kind)
        chip.block.step_until("sign", limit=600)
        assert chip.block.get("stated") == stated
        chip.block.step()
        for _ in range(8):
            chip.block.set("signature_valid", 1)
            chip.block.step()
        chip.block.set("signature_valid", 0)
        chip.block.step_until("busy", 0, limit=3000)
