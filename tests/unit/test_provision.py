"""Provisioning takes an identity once and is then sealed."""

import random

import pytest

from rtl.io.provision import PROVISION_BYTES, Provisioning
from sim.rtl.block import VerilatedBlock


@pytest.fixture
def block():
    return VerilatedBlock(Provisioning(), cycle_limit=100_000)


def feed(block, content: bytes, stalls: random.Random) -> list[int]:
    """Streams bytes in with stalls on both sides; returns the seed words that came out."""
    words, at = [], 0
    while at < len(content):
        block.set_all(
            {
                "bytes__payload": content[at],
                "bytes__valid": stalls.random() < 0.7,
                "seed_words__ready": stalls.random() < 0.5,
            }
        )
        if block.get("seed_words__valid") and block.get("seed_words__ready"):
            words.append(block.get("seed_words__payload"))
        taken = block.get("bytes__valid") and block.get("bytes__ready")
        block.step()
        at += bool(taken)
    block.set("bytes__valid", 0)
    return words


@pytest.mark.parametrize("number", range(20))
def test_identity_arrives_whole_whatever_stalls(block, number):
    stalls = random.Random(number)
    content = stalls.randbytes(PROVISION_BYTES)
    assert not block.get("sealed")
    words = feed(block, content, stalls)
    assert block.get("sealed")
    assert block.get("chip_id").to_bytes(16, "little") == content[:16]
    assert b"".join(word.to_bytes(8, "little") for word in words) == content[16:]


def test_sealed_block_takes_nothing_more(block):
    feed(block, bytes(range(PROVISION_BYTES)), random.Random(0))
    chip_id = block.get("chip_id")
    block.set_all({"bytes__valid": 1, "bytes__payload": 0xFF, "seed_words__ready": 1})
    for _ in range(200):
        assert not block.get("bytes__ready")
        assert not block.get("seed_words__valid")
        block.step()
    assert block.get("chip_id") == chip_id
