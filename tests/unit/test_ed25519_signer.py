"""The Ed25519 signer against RFC 8032 and the golden model, and its cycles for whatever key and message."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rtl.crypto.ed25519_signer import Ed25519Signer
from sim.golden.ed25519 import public_key, sign
from sim.rtl.block import VerilatedBlock
from tests.unit.ed25519_vectors import rfc_8032_ed25519, wycheproof_ed25519

DERIVE_CYCLES = 57265
SIGN_CYCLES_BUT_BLOCKS = 59383 - 2 * 97
BLOCK_CYCLES = 97
STATEMENT_BYTES, STATEMENT_CYCLES = 432, 60062

MESSAGE_BYTES = 1024
EDGE_LENGTHS = [
    *(0, 1, 7, 8, 9, 46, 47, 48, 49, 63, 64, 65, 78, 79, 80, 81, 111, 112, 127, 128, 129),
    *(174, 175, 176, 207, 208, 239, 240, 256, 432, 1000, 1007, 1008, 1016, 1023, 1024),
]


def sign_cycles(length: int) -> int:
    """Two hashes depend on the length: of prefix and message, and of R, public key and message."""
    blocks = sum((prefix + length + 17 + 127) // 128 for prefix in (32, 64))
    return SIGN_CYCLES_BUT_BLOCKS + BLOCK_CYCLES * blocks


class SignerAndMessage(wiring.Component):
    """The signer with the memory that holds its message; the other ports are the signer's."""

    seed: In(256)
    derive: In(1)
    sign: In(1)
    ready: Out(1)
    message_length: In(range(MESSAGE_BYTES + 1))
    write_addr: In(range(MESSAGE_BYTES // 8))
    write_data: In(64)
    write: In(1)
    public_key: Out(256)
    derived: Out(1)
    signature_words: Out(stream.Signature(64))
    cycles: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.signer = signer = Ed25519Signer()
        m.submodules.message = message = Memory(shape=64, depth=MESSAGE_BYTES // 8, init=[])
        write, read = message.write_port(), message.read_port()
        m.d.comb += [
            write.addr.eq(self.write_addr),
            write.data.eq(self.write_data),
            write.en.eq(self.write),
            read.addr.eq(signer.message_addr),
            signer.message_data.eq(read.data),
            signer.seed.eq(self.seed),
            signer.derive.eq(self.derive),
            signer.sign.eq(self.sign),
            signer.message_length.eq(self.message_length),
            self.ready.eq(signer.ready),
            self.public_key.eq(signer.public_key),
            self.derived.eq(signer.derived),
            self.cycles.eq(signer.cycles),
        ]
        wiring.connect(m, wiring.flipped(self.signature_words), signer.signature_words)
        return m


class Signer:
    """The signer, its message's memory, and how long it took."""

    def __init__(self):
        self.block = VerilatedBlock(SignerAndMessage(), cycle_limit=100_000_000)
        self.noise = random.Random(0)

    def derive(self, seed: bytes) -> bytes:
        """Pulses derive and returns the public key; checks derived, and the cycles."""
        block, before = self.block, self.block.cycles
        assert block.get("ready")
        block.set_all({"seed": int.from_bytes(seed, "little"), "derive": 1})
        block.step()
        block.set("derive", 0)
        assert not block.get("ready") and not block.get("derived")
        block.step_until("derived", limit=200_000)
        assert block.get("ready")
        assert block.get("cycles") == block.cycles - before == DERIVE_CYCLES
        return block.get("public_key").to_bytes(32, "little")

    def load(self, message: bytes) -> None:
        """Writes the message, and noise after it, to its memory."""
        padded = message + self.noise.randbytes(MESSAGE_BYTES - len(message))
        words = [int.from_bytes(padded[at : at + 8], "little") for at in range(0, MESSAGE_BYTES, 8)]
        self.block.run({"write_addr": range(len(words)), "write_data": words, "write": [1] * len(words)}, [])
        self.block.set_all({"write": 0, "message_length": len(message)})

    def sign(self, message: bytes, stalls: random.Random | None = None) -> bytes:
        """Pulses sign and takes the signature, with words left waiting as `stalls` says; checks the cycles."""
        self.load(message)
        block, before, stalled = self.block, self.block.cycles, 0
        assert block.get("ready")
        block.set("sign", 1)
        block.step()
        block.set("sign", 0)
        signature = b""
        for _ in range(8):
            block.step_until("signature_words__valid", limit=200_000)
            word = block.get("signature_words__payload")
            for _ in range(stalls.randrange(4) if stalls else 0):
                block.step()
                stalled += 1
                assert block.get("signature_words__valid") and block.get("signature_words__payload") == word
            signature += word.to_bytes(8, "little")
            block.set("signature_words__ready", 1)
            block.step()
            block.set("signature_words__ready", 0)
        block.step_until("ready", limit=10)
        assert block.get("derived")
        assert block.get("cycles") == block.cycles - before - stalled == sign_cycles(len(message))
        return signature


@pytest.fixture(scope="module")
def signer():
    return Signer()


def test_rfc_8032_section_7_1(signer):
    vectors = rfc_8032_ed25519()
    assert len(vectors) == 5
    for seed, key, message, signature in vectors:
        assert signer.derive(seed) == key
        assert signer.sign(message) == signature


def test_messages_of_wycheproof(signer):
    """It has no secret keys; its messages, some of which made signers overflow, under a random one."""
    seed = random.Random(1).randbytes(32)
    assert signer.derive(seed) == public_key(seed)
    messages = {vector.message for vector in wycheproof_ed25519() if len(vector.message) <= MESSAGE_BYTES}
    for message in sorted(messages):
        assert signer.sign(message) == sign(seed, message)


def test_random_keys_and_messages_of_all_kinds_of_lengths(signer):
    source = random.Random(2)
    for length in EDGE_LENGTHS + [source.randrange(MESSAGE_BYTES + 1) for _ in range(40)]:
        seed, message = source.randbytes(32), source.randbytes(length)
        assert signer.derive(seed) == public_key(seed)
        assert signer.sign(message) == sign(seed, message)


@pytest.mark.parametrize("seed", [bytes(32), b"\xff" * 32, bytes(31) + b"\x80", b"\x01" + bytes(31)])
def test_extreme_seeds_and_messages(signer, seed):
    assert signer.derive(seed) == public_key(seed)
    for message in (bytes(STATEMENT_BYTES), b"\xff" * STATEMENT_BYTES):
        assert signer.sign(message) == sign(seed, message)


def test_one_key_signs_many_messages_in_the_statement_s_cycles(signer):
    source = random.Random(3)
    seed = source.randbytes(32)
    assert signer.derive(seed) == public_key(seed)
    assert sign_cycles(STATEMENT_BYTES) == STATEMENT_CYCLES
    for _ in range(40):
        message = source.randbytes(STATEMENT_BYTES)
        assert signer.sign(message) == sign(seed, message)
        assert signer.block.get("public_key").to_bytes(32, "little") == public_key(seed)


def test_signature_waits_for_its_consumer(signer):
    source = random.Random(4)
    seed = source.randbytes(32)
    signer.derive(seed)
    for length in (0, 100, STATEMENT_BYTES):
        message = source.randbytes(length)
        assert signer.sign(message, stalls=source) == sign(seed, message)


def test_derive_and_sign_while_busy_are_ignored(signer):
    source = random.Random(5)
    seed, message = source.randbytes(32), source.randbytes(STATEMENT_BYTES)
    block = signer.block
    signer.derive(seed)
    expected = signer.sign(message)
    block.set_all({"sign": 1, "signature_words__ready": 1})
    block.step()
    block.set("derive", 1)
    block.step(1000)
    block.set_all({"sign": 0, "derive": 0})
    signature = b""
    for _ in range(8):
        block.step_until("signature_words__valid", limit=200_000)
        signature += block.get("signature_words__payload").to_bytes(8, "little")
        block.step()
    block.step_until("ready", limit=10)
    block.set("signature_words__ready", 0)
    assert signature == expected == sign(seed, message)
    assert block.get("cycles") == STATEMENT_CYCLES
    block.step(100)
    assert block.get("ready") and block.get("derived") and block.get("cycles") == STATEMENT_CYCLES
