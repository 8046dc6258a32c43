"""TurboSHAKE128 at line rate, and its block buffer, against RFC 9861, the golden model and exact cycles."""

import random
from functools import cache

import pytest

from rtl.crypto.block_buffer import BLOCK_WORDS, BlockBuffer, padded_block
from rtl.crypto.turboshake import TurboShake128
from sim.golden.keccak import turboshake128
from sim.rtl.block import VerilatedBlock
from tests.unit.keccak_vectors import message_words, rtl_turboshake_vectors

LAST = 1 << 64
BLOCK_BYTES = 8 * BLOCK_WORDS


@cache
def built(rounds_per_cycle: int) -> VerilatedBlock:
    return VerilatedBlock(TurboShake128(rounds_per_cycle), f"turboshake_{rounds_per_cycle}", cycle_limit=200_000)


def hasher(rounds_per_cycle: int) -> VerilatedBlock:
    block = built(rounds_per_cycle)
    block.power_on()
    return block


def at_full_rate(block: VerilatedBlock, message: bytes, domain: int) -> tuple[bytes, int, int]:
    """Offers a word in each cycle; returns the digest, the cycles in which none was taken, and the cycles from the
    first word's transfer to the cycle in which the digest is valid."""
    words = message_words(message)
    block.set_all({"domain": domain, "words__valid": 1, "digest__ready": 0})
    start = block.cycles
    refused = 0
    for word in words:
        block.set("words__payload", word)
        refused += block.step_until("words__ready", limit=100)
        block.step()
    block.set("words__valid", 0)
    block.step_until("digest__valid", limit=100)
    cycles = block.cycles - start
    digest = block.get("digest__payload").to_bytes(32, "little")
    block.set("digest__ready", 1)
    block.step()
    return digest, refused, cycles


@pytest.mark.parametrize("rounds_per_cycle", [1, 2])
def test_vectors_of_rfc_9861(rounds_per_cycle):
    block = hasher(rounds_per_cycle)
    for message, expected in rtl_turboshake_vectors():
        assert at_full_rate(block, message, 0)[0] == expected


@pytest.mark.parametrize(
    ("message_bytes", "one_round", "two_rounds"),
    [
        (8, 15, 9),
        (64, 22, 16),
        (160, 34, 28),
        (168, 48, 36),
        (176, 48, 36),
        (336, 69, 57),
        (4096, 531, 520),
        (131072, 16407, 16395),
    ],
)
def test_long_messages_enter_at_8_bytes_a_cycle(message_bytes, one_round, two_rounds):
    message = random.Random(message_bytes).randbytes(message_bytes)
    for rounds_per_cycle, expected in ((1, one_round), (2, two_rounds)):
        digest, refused, cycles = at_full_rate(hasher(rounds_per_cycle), message, 3)
        assert (digest, refused, cycles) == (turboshake128(message, 3), 0, expected)


@pytest.mark.parametrize(("rounds_per_cycle", "cycles"), [(1, 16 * 512), (2, 16 * 512)])
def test_pages_in_a_row_enter_without_a_pause(rounds_per_cycle, cycles):
    source = random.Random(7)
    pages = [source.randbytes(4096) for _ in range(16)]
    block = hasher(rounds_per_cycle)
    block.set_all({"domain": 1, "digest__ready": 1})
    words = [word for page in pages for word in message_words(page)]
    observed = block.run(
        {"words__payload": words, "words__valid": [1] * len(words)},
        ["words__ready", "digest__valid", "digest__payload"],
    )
    assert sum(observed["words__ready"]) == cycles
    digests = [
        payload.to_bytes(32, "little")
        for payload, valid in zip(observed["digest__payload"], observed["digest__valid"], strict=True)
        if valid
    ]
    assert digests == [turboshake128(page, 1) for page in pages[:-1]]


@pytest.mark.parametrize("rounds_per_cycle", [1, 2])
def test_random_messages_with_stalls_on_both_sides(rounds_per_cycle):
    source = random.Random(100 + rounds_per_cycle)
    block = hasher(rounds_per_cycle)
    lengths = source.choices([1, 2, 19, 20, 21, 22, 41, 42, 43, 62, 63, 64], k=60)
    messages = [(source.randbytes(8 * length), source.randrange(1, 128)) for length in lengths]
    offered = [(word, domain) for message, domain in messages for word in message_words(message)]
    expected = [turboshake128(message, domain) for message, domain in messages]
    received: list[bytes] = []
    position = 0
    waiting = None
    for _ in range(20_000):
        if len(received) == len(expected):
            break
        valid = position < len(offered) and (source.random() < 0.8 or waiting is not None)
        word, domain = offered[position] if valid else (source.getrandbits(65), source.getrandbits(8))
        waiting = position if valid else None
        ready = source.random() < 0.3
        block.set_all({"words__valid": valid, "words__payload": word, "domain": domain, "digest__ready": ready})
        if valid and block.get("words__ready"):
            position += 1
            waiting = None
        if ready and block.get("digest__valid"):
            received.append(block.get("digest__payload").to_bytes(32, "little"))
        block.step()
    assert received == expected
    block.set_all({"words__valid": 0, "digest__ready": 1})
    assert not any(block.run({"words__valid": [0] * 50}, ["digest__valid"])["digest__valid"])


def padded_blocks(message: bytes, domain: int) -> list[bytes]:
    """RFC 9861 2.2: the message, the domain byte, zeros to a whole block, 0x80 into the last byte."""
    padded = bytearray(message + bytes([domain]))
    padded += bytes(-len(padded) % BLOCK_BYTES)
    padded[-1] ^= 0x80
    return [bytes(padded[i : i + BLOCK_BYTES]) for i in range(0, len(padded), BLOCK_BYTES)]


def block_of(dut: VerilatedBlock) -> tuple[bytes, int, int]:
    words = [dut.get(f"block__{i}") for i in range(BLOCK_WORDS)]
    return as_bytes(words), dut.get("block_first"), dut.get("block_last")


def as_bytes(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(8, "little") for word in words)


def test_block_buffer_pads_and_offers_every_block():
    source = random.Random(8)
    dut = VerilatedBlock(BlockBuffer(), cycle_limit=50_000)
    messages = [(source.randbytes(8 * source.randrange(1, 70)), source.randrange(1, 128)) for _ in range(80)]
    messages += [(source.randbytes(8 * 21 * n), source.randrange(1, 128)) for n in (1, 2, 1)]
    offered = [(word, domain) for message, domain in messages for word in message_words(message)]
    expected = []
    for message, domain in messages:
        blocks = padded_blocks(message, domain)
        expected += [(block, i == 0, i == len(blocks) - 1) for i, block in enumerate(blocks)]
    received = []
    position = 0
    for _ in range(40_000):
        if len(received) == len(expected):
            break
        valid = position < len(offered) and source.random() < 0.9
        word, domain = offered[position] if valid else (0, 0)
        take = source.random() < 0.05
        dut.set_all({"words__valid": valid, "words__payload": word, "domain": domain, "block_take": take})
        if valid and dut.get("words__ready"):
            position += 1
        if take and dut.get("block_valid"):
            received.append(block_of(dut))
        dut.step()
    assert received == expected


def test_block_buffer_timing():
    dut = VerilatedBlock(BlockBuffer(), cycle_limit=1000)
    dut.set_all({"words__valid": 1, "words__payload": 5})
    ready = dut.run({"words__payload": [5] * 60}, ["words__ready", "block_valid"])
    assert ready["words__ready"] == [1] * 42 + [0] * 18
    assert ready["block_valid"] == [0] * 22 + [1] * 38
    dut.set("block_take", 1)
    assert dut.get("words__ready"), "room for a word in the cycle in which a block is taken"
    dut.step()
    dut.set_all({"block_take": 0, "words__valid": 0})
    assert dut.get("block_valid"), "the second block follows the first at once"


def test_a_block_has_room_for_20_words_and_padding():
    padded_block([0] * 20, 1)
    with pytest.raises(ValueError, match="21 words"):
        padded_block([0] * 21, 1)
