"""SHA-512 padding against FIPS 180-4 section 5.1.2 written out, for every length and with stalls."""

import random

import pytest

from rtl.crypto.sha512_padding import MESSAGE_BYTES, Sha512Padding
from sim.rtl.block import VerilatedBlock


def padded(prefix_bytes: int, message: bytes) -> bytes:
    """What follows the prefix, up to the end of a block."""
    total = prefix_bytes + len(message)
    zeros = -(total + 1 + 16) % 128
    return message + b"\x80" + bytes(zeros) + (8 * total).to_bytes(16, "big")


@pytest.fixture(scope="module")
def block():
    return VerilatedBlock(Sha512Padding(), cycle_limit=5_000_000)


def stream(block, prefix_words: int, message: bytes, source: random.Random, readiness: float) -> bytes:
    """The words that come out; after the message the memory holds noise."""
    memory = message + source.randbytes(MESSAGE_BYTES + 8 - len(message))
    assert block.get("ready")
    block.set_all({"prefix_words": prefix_words, "message_length": len(message), "start": 1})
    output = b""
    while True:
        taken = source.random() < readiness
        block.set("words__ready", taken)
        if taken and block.get("words__valid"):
            output += block.get("words__payload").to_bytes(8, "big")
        address = 8 * block.get("message_addr")
        block.step()
        block.set_all({"start": 0, "message_data": int.from_bytes(memory[address : address + 8], "little")})
        if block.get("ready"):
            return output


@pytest.mark.parametrize("prefix_words", [0, 4, 8])
def test_every_length(block, prefix_words):
    source = random.Random(prefix_words)
    for length in [*range(300), *range(880, MESSAGE_BYTES + 1)]:
        message = source.randbytes(length)
        assert stream(block, prefix_words, message, source, 1.0) == padded(8 * prefix_words, message)


def test_words_wait(block):
    source = random.Random(9)
    for length in range(0, 260, 3):
        message = source.randbytes(length)
        assert stream(block, 4, message, source, 0.4) == padded(32, message)


def test_one_word_per_cycle(block):
    block.set_all({"prefix_words": 8, "message_length": 432, "start": 1, "words__ready": 1})
    block.step()
    block.set("start", 0)
    assert block.step_until("ready", limit=100) == 640 // 8 - 8
