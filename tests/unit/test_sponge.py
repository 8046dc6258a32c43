"""The sponge for small users against the Keccak team's and RFC 9861's vectors, the golden model and exact cycles."""

import random
from functools import cache
from itertools import pairwise

import pytest

from formats.hashing import SHAKE256_DOMAIN
from rtl.crypto.keccak_folded import FoldedKeccakPermutation
from rtl.crypto.sponge import Sponge
from sim.golden.keccak import shake256, turboshake128
from sim.rtl.block import VerilatedBlock
from tests.unit.keccak_vectors import as_words, cavp_shake256, message_words, padded_words, rtl_turboshake_vectors

FOLDINGS = [4, 8, 32]


@cache
def built(slices_per_cycle: int) -> VerilatedBlock:
    component = Sponge(FoldedKeccakPermutation(slices_per_cycle))
    return VerilatedBlock(component, f"sponge_{slices_per_cycle}", cycle_limit=600_000)


def sponge(slices_per_cycle: int) -> VerilatedBlock:
    block = built(slices_per_cycle)
    block.power_on()
    return block


def feed(block: VerilatedBlock, message: bytes, *, shake: bool, domain: int = 0) -> list[int]:
    """Offers a message without a pause; returns the cycle of each word's transfer."""
    return feed_words(block, message_words(message), shake=shake, domain=domain)


def feed_words(block: VerilatedBlock, words: list[int], *, shake: bool, domain: int = 0) -> list[int]:
    block.set_all({"shake256": shake, "domain": domain, "words__valid": 1})
    transfers = []
    for word in words:
        block.set("words__payload", word)
        block.step_until("words__ready", limit=2000)
        transfers.append(block.cycles)
        block.step()
    block.set("words__valid", 0)
    return transfers


def digest(block: VerilatedBlock, count: int) -> tuple[bytes, list[int]]:
    """Takes digest words without a pause; returns them and the cycle of each one's transfer."""
    block.set("digest__ready", 1)
    words, transfers = [], []
    for _ in range(count):
        block.step_until("digest__valid", limit=2000)
        words.append(block.get("digest__payload"))
        transfers.append(block.cycles)
        block.step()
    block.set("digest__ready", 0)
    return b"".join(word.to_bytes(8, "little") for word in words), transfers


def restart(block: VerilatedBlock) -> None:
    block.set("restart", 1)
    block.step()
    block.set("restart", 0)


def test_shake256_of_the_keccak_team():
    block = sponge(8)
    cases = [(message, expected) for message, expected in cavp_shake256() if message and len(message) % 8 == 0]
    assert len(cases) == 31
    for message, expected in cases:
        feed(block, message, shake=True)
        assert digest(block, 17)[0] == expected[:136]
        restart(block)


@pytest.mark.parametrize("slices_per_cycle", [8, 32])
def test_turboshake128_of_rfc_9861(slices_per_cycle):
    block = sponge(slices_per_cycle)
    for message, expected in rtl_turboshake_vectors():
        feed(block, message, shake=False, domain=0)
        assert digest(block, 4)[0] == expected
        restart(block)


@pytest.mark.parametrize("slices_per_cycle", FOLDINGS)
def test_random_messages_with_stalls_restarts_and_resets(slices_per_cycle):
    source = random.Random(slices_per_cycle)
    block = sponge(slices_per_cycle)
    complete = 0
    for _ in range(60):
        message = source.randbytes(8 * source.choice([1, 2, 15, 16, 17, 18, 20, 21, 22, 33, 34, 42, 43]))
        shake, domain = source.getrandbits(1), source.randrange(1, 128)
        words = message_words(message)
        count = source.choice([1, 4, 17 if shake else 21])
        golden = shake256(message, 8 * count) if shake else turboshake128(message, domain, 8 * count)
        cycles = source.choice([6000, 6000, 6000, source.randrange(600)])
        received: list[int] = []
        position = 0
        offers = False
        block.set_all({"shake256": shake, "domain": domain})
        for _ in range(cycles):
            if len(received) == count:
                break
            offers = position < len(words) and (offers or source.random() < 0.7)
            takes = source.random() < 0.7
            block.set_all({"words__valid": offers, "words__payload": words[position] if offers else 0})
            block.set("digest__ready", takes)
            if offers and block.get("words__ready"):
                position += 1
                offers = False
            if takes and block.get("digest__valid"):
                received.append(block.get("digest__payload"))
            block.step()
        assert received == as_words(golden)[: len(received)]
        assert cycles < 6000 or len(received) == count
        complete += len(received) == count
        block.set_all({"words__valid": 0, "digest__ready": 0})
        if source.getrandbits(1):
            restart(block)
        else:
            block.reset()
    assert complete >= 40


@pytest.mark.parametrize(("shake", "rate"), [(False, 168), (True, 136)])
def test_every_length_up_to_two_blocks_with_stalls(shake, rate):
    """Messages of whole words in both forms: with the padding left to the sponge, and with a word for the domain."""
    source = random.Random(rate)
    block = sponge(32)
    for length in range(2 * rate + 1):
        message, domain = source.randbytes(length), source.randrange(1, 128)
        golden = shake256(message, 32) if shake else turboshake128(message, domain)
        forms = [padded_words(message, SHAKE256_DOMAIN if shake else domain)]
        if length and length % 8 == 0:
            forms.append(message_words(message))
        for words in forms:
            # `domain` must not matter to a padded message.
            block.set_all({"shake256": shake, "domain": domain if len(forms) == 2 else source.getrandbits(8)})
            assert stalled(block, words, 4, source) == as_words(golden), length
            restart(block)


def stalled(block: VerilatedBlock, words: list[int], count: int, source: random.Random) -> list[int]:
    """Offers words and takes digest words with pauses; returns the digest words."""
    received: list[int] = []
    position, offers = 0, False
    for _ in range(3000):
        offers = position < len(words) and (offers or source.random() < 0.7)
        takes = source.random() < 0.7
        block.set_all({"words__valid": offers, "words__payload": words[position] if offers else 0})
        block.set("digest__ready", takes)
        if offers and block.get("words__ready"):
            position += 1
            offers = False
        if takes and block.get("digest__valid"):
            received.append(block.get("digest__payload"))
        block.step()
        if len(received) == count:
            block.set_all({"words__valid": 0, "digest__ready": 0})
            return received
    raise AssertionError("no digest")


def test_padded_counts_in_the_last_word_only():
    block = sponge(8)
    message = bytes(range(80))
    words = [word | (i < 9) << 65 for i, word in enumerate(message_words(message))]
    feed_words(block, words, shake=False, domain=7)
    assert digest(block, 4)[0] == turboshake128(message, 7)


@pytest.mark.parametrize(("shake", "words"), [(False, 21), (True, 17)])
def test_nothing_follows_the_first_block_of_output(shake, words):
    block = sponge(8)
    feed(block, bytes(8), shake=shake, domain=1)
    digest(block, words)
    block.set_all({"words__valid": 1, "digest__ready": 1})
    after = block.run({"words__valid": [1] * 600}, ["digest__valid", "words__ready"])
    assert not any(after["digest__valid"])
    assert not any(after["words__ready"])


@pytest.mark.parametrize("slices_per_cycle", FOLDINGS)
@pytest.mark.parametrize(("shake", "rate"), [(False, 21), (True, 17)])
def test_cycles_are_those_of_the_contract(slices_per_cycle, shake, rate):
    n = 64 // slices_per_cycle
    p = 2 * n + 1 + (24 if shake else 12) * (n + 3)
    block = sponge(slices_per_cycle)
    for count in (1, rate - 1, rate, rate + 1):
        restart(block)
        block.step_until("words__ready", limit=2000)
        transfers = feed(block, bytes(8 * count), shake=shake, domain=1)
        gaps = [later - earlier for earlier, later in pairwise(transfers)]
        assert gaps == [n + p if i == rate - 1 else n for i in range(count - 1)]
        _, digests = digest(block, 4)
        assert digests[0] - transfers[-1] == 4 * n + p + 1 + (p if count == rate else 0)
        assert [later - earlier for earlier, later in pairwise(digests)] == [n + 2] * 3


@pytest.mark.parametrize("slices_per_cycle", FOLDINGS)
@pytest.mark.parametrize(("shake", "rate"), [(False, 168), (True, 136)])
def test_cycles_of_padded_messages(slices_per_cycle, shake, rate):
    n = 64 // slices_per_cycle
    p = 2 * n + 1 + (24 if shake else 12) * (n + 3)
    block = sponge(slices_per_cycle)
    for length in (0, 3, rate - 9, rate - 8, rate - 1, 2 * rate - 1):
        restart(block)
        block.step_until("words__ready", limit=2000)
        transfers = feed_words(block, padded_words(bytes(length), 0x1F), shake=shake)
        _, digests = digest(block, 4)
        fills_block = length % rate >= rate - 8
        assert digests[0] - transfers[-1] == (2 if fills_block else 3) * n + p + 1
        assert [later - earlier for earlier, later in pairwise(digests)] == [n + 2] * 3


def test_cycles_of_the_chip_s_own_messages():
    """inputs (10 words) and the trigger's block (4 words, all 17 of SHAKE256 out) at 8 slices in a cycle."""
    block = sponge(8)
    block.step_until("words__ready")
    transfers = feed(block, bytes(80), shake=False, domain=4)
    _, digests = digest(block, 4)
    assert digests[-1] - transfers[0] == 284
    restart(block)
    block.step_until("words__ready")
    transfers = feed(block, bytes(32), shake=True)
    _, digests = digest(block, 17)
    assert digests[-1] - transfers[0] == 498


def test_cycles_of_an_lmots_step():
    """47 bytes of SHAKE256 (6 words), 3 words out, at 8 slices in a cycle."""
    block = sponge(8)
    block.step_until("words__ready")
    transfers = feed_words(block, padded_words(bytes(47), SHAKE256_DOMAIN), shake=True)
    _, digests = digest(block, 3)
    assert digests[-1] - transfers[0] == 366
