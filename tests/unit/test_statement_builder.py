"""The statement builder against the golden statement, with the golden signature in the signer's place."""

import random

import pytest

from formats.otp import MAX_SECURITY_FLOOR, Lifecycle
from formats.statement import Kind, layout
from rtl.config import CONFIGS
from rtl.io.boot import LIFE
from rtl.snapshot.statement import FACTS, StatementBuilder
from sim.golden import ed25519
from sim.golden import statement as golden
from sim.rtl.block import VerilatedBlock
from tests.unit.with_sponge import WithSponge

CONFIG = CONFIGS["test"]
SEED = bytes(range(32))


def packed(facts: dict[str, int]) -> int:
    return FACTS.const(
        {
            name: [value >> 64 * index & (1 << 64) - 1 for index in range(4)] if name == "inputs" else value
            for name, value in facts.items()
        }
    ).as_bits()


class Chip:
    """The builder, what it is told, and what a statement must therefore say. booted: any kind but boot may follow."""

    def __init__(self, seed: int, booted: bool = True):
        self.random = random.Random(seed)
        self.block = VerilatedBlock(WithSponge(StatementBuilder(CONFIG)), "statement_builder", cycle_limit=1_000_000)
        self.chain, self.seq = bytes(32), 0
        self.fixed = {
            "chip_id": self.random.randbytes(16),
            "measurement": self.random.randbytes(32),
            "root": self.random.randbytes(32),
            "configuration": self.random.randbytes(32),
        }
        for name, value in self.fixed.items():
            self.block.set(name, int.from_bytes(value, "little"))
        self.cause = self.random.choice([1, 2, 3, 9, 10, 11])
        self.block.set("cause", self.cause)
        self.bootcount, self.version = self.random.getrandbits(32), self.random.getrandbits(32)
        self.lifecycle = self.random.choice([state for state in Lifecycle if state is not Lifecycle.RAW])
        self.floor = self.random.randrange(MAX_SECURITY_FLOOR + 1)
        self.block.set_all(
            {
                "bootcount": self.bootcount,
                "security_version": self.version,
                "lifecycle": self.lifecycle,
                "security_floor": self.floor,
                "identified": 1,
                "measured": 1,
            }
        )
        if booted:
            self.make(Kind.BOOT)

    def make(self, kind: Kind) -> bytes:
        """The whole statement, which is as it must be."""
        nonce, digest = self.slots()
        facts = self.random_facts()
        self.block.set("facts", packed(facts))
        if kind is Kind.SNAPSHOT:
            self.block.set_all({"instant": 1, "captured": 0})
            self.block.step()
            self.block.set_all({"instant": 0, "captured": 1, "facts": packed(self.random_facts())})
            self.block.step(5)
        self.request(kind)
        self.block.set("facts", packed(self.random_facts()))
        self.sign()
        made = self.statement()
        assert made == self.expected(kind, facts, nonce, digest)
        return made

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
            "lifecycle": self.lifecycle,
            "security_floor": self.floor,
            "configuration": self.fixed["configuration"],
            **facts,
            "inputs": facts["inputs"].to_bytes(32, "little"),
            "cause": self.cause if kind is Kind.SNAPSHOT else 0,
        }
        statement = golden.encode(values, SEED)
        self.chain, self.seq = golden.chained(self.chain, statement), self.seq + 1
        return statement


@pytest.mark.parametrize("seed", range(3))
def test_statements_equal_the_golden_ones_in_a_chain(seed):
    chip = Chip(seed, booted=False)
    for kind in (Kind.BOOT, Kind.SNAPSHOT, *(kind for kind in Kind if kind is not Kind.BOOT)):
        chip.make(kind)
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


REFUSED = [
    (Kind.SNAPSHOT, {"captured": 0}),
    (0, {}),
    (max(Kind) + 1, {}),
    (31, {}),
    (Kind.BOOT, {}),
    (Kind.HEAD, {"identified": 0}),
    (Kind.SNAPSHOT, {"identified": 0}),
    (Kind.HEAD, {"entropy_failed": 1}),
    (Kind.SNAPSHOT, {"entropy_failed": 1}),
    (Kind.HEAD, {"reset": 1}),
]


@pytest.mark.parametrize(("kind", "inputs"), REFUSED)
def test_refused_requests_make_nothing(kind, inputs):
    chip = Chip(6)
    chip.block.set_all({"captured": 1, **inputs})
    chip.request(kind)
    assert chip.block.get("refused") and not chip.block.get("busy")
    chip.block.set_all({"captured": 1, "identified": 1, "entropy_failed": 0, "reset": 0})
    chip.block.step(1000)
    assert chip.block.get("seq") == chip.seq == 1
    chip.request(Kind.BOOT if "reset" in inputs else Kind.HEAD)
    assert not chip.block.get("refused") and chip.block.get("busy")


@pytest.mark.parametrize("kind", Kind)
def test_the_first_statement_after_a_reset_is_a_boot_s(kind):
    chip = Chip(9, booted=False)
    for _ in range(2):
        chip.block.set("captured", 1)
        if kind is not Kind.BOOT:
            chip.request(kind)
            assert chip.block.get("refused") and not chip.block.get("busy")
        assert not chip.block.get("booted")
        chip.make(Kind.BOOT)
        assert chip.block.get("booted")
        chip.block.set("captured", 1)
        chip.request(Kind.BOOT)
        assert chip.block.get("refused") and not chip.block.get("busy"), "one in a boot"
        chip.block.set("reset", 1)
        chip.block.step()
        chip.block.set("reset", 0)


def test_no_boot_is_stated_before_its_measurement_is_locked():
    chip = Chip(10, booted=False)
    chip.block.set("measured", 0)
    chip.request(Kind.BOOT)
    assert chip.block.get("refused") and not chip.block.get("busy")
    chip.block.set("measured", 1)
    chip.make(Kind.BOOT)


def test_entropy_that_fails_during_a_statement_stops_the_next():
    chip = Chip(11)
    nonce, digest = chip.slots()
    facts = chip.random_facts()
    chip.block.set("facts", packed(facts))
    chip.request(Kind.HEAD)
    chip.block.set("entropy_failed", 1)
    chip.sign()
    assert chip.statement() == chip.expected(Kind.HEAD, facts, nonce, digest)
    chip.request(Kind.HEAD)
    assert chip.block.get("refused") and not chip.block.get("busy")


def restore(chip: Chip, seq: int, chain: bytes) -> bool:
    """Whether life goes on there."""
    chain_words = [int.from_bytes(chain[at : at + 8], "little") for at in range(0, 32, 8)]
    chip.block.set("life", LIFE.const({"seq": seq, "bootcount": 5, "macs": 6, "chain": chain_words}).as_bits())
    chip.block.set("restore", 1)
    restores = bool(chip.block.get("restores"))
    chip.block.step()
    chip.block.set("restore", 0)
    assert chip.block.get("restores") == 0
    return restores


def test_life_goes_on_where_it_was_once():
    chip = Chip(12, booted=False)
    chip.seq, chip.chain = (1 << 40) + 7, bytes(range(100, 132))
    assert not chip.block.get("restored")
    assert restore(chip, chip.seq, chip.chain)
    assert chip.block.get("restored") and chip.block.get("seq") == chip.seq
    assert not restore(chip, 3, bytes(32)), "a second time"
    chip.make(Kind.BOOT)
    chip.make(Kind.HEAD)
    assert not restore(chip, 3, bytes(32))
    chip.block.set("reset", 1)
    chip.block.step()
    chip.block.set("reset", 0)
    assert chip.block.get("restored") and not restore(chip, 3, bytes(32)), "after a warm reset"
    chip.make(Kind.BOOT)


def test_nothing_is_restored_once_a_statement_is_begun():
    chip = Chip(13, booted=False)
    facts = chip.random_facts()
    nonce, digest = chip.slots()
    chip.block.set("facts", packed(facts))
    chip.request(Kind.BOOT)
    assert not restore(chip, 99, bytes(range(32)))
    chip.sign(elapsed=1)
    assert chip.statement() == chip.expected(Kind.BOOT, facts, nonce, digest)
    assert not restore(chip, 99, bytes(range(32))) and not chip.block.get("restored")
    chip.make(Kind.HEAD)


def test_a_refused_request_does_not_keep_life_from_being_restored():
    chip = Chip(14, booted=False)
    chip.request(Kind.HEAD)
    assert chip.block.get("refused")
    chip.seq, chip.chain = 17, bytes(range(32))
    assert restore(chip, chip.seq, chip.chain)
    chip.make(Kind.BOOT)


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
