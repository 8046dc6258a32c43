"""The key vault is filled once, and nothing that follows changes or reveals another seed."""

import random

import pytest

from rtl.crypto.key_vault import SEED_WORDS, KeyVault
from sim.rtl.block import VerilatedBlock

SEED_BYTES = 32
INPUTS = {"words__valid": 0, "words__payload": 0, "lock": 0, "zeroise": 0}


@pytest.fixture
def block():
    return VerilatedBlock(KeyVault(), cycle_limit=100_000)


def words(seed: bytes) -> list[int]:
    return [int.from_bytes(seed[i : i + 8], "little") for i in range(0, len(seed), 8)]


def cycle(block, **inputs: int) -> bool:
    """One cycle with the inputs given, the others 0; returns whether a word was taken."""
    block.set_all(INPUTS | inputs)
    taken = bool(inputs.get("words__valid") and block.get("words__ready"))
    block.step()
    block.set_all(INPUTS)
    return taken


def offer(block, word: int, **inputs: int) -> bool:
    return cycle(block, words__valid=1, words__payload=word, **inputs)


def fill(block, seed: bytes) -> None:
    for word in words(seed):
        assert not block.get("valid")
        assert offer(block, word)


def assert_takes_nothing(block) -> None:
    """Offers rubbish for a while: it must not be taken, and no output may change."""
    names = ("seed", "valid", "locked")
    before = [block.get(name) for name in names]
    for i in range(20):
        assert not offer(block, 0xA5A5_A5A5_A5A5_A5A5 + i)
        assert [block.get(name) for name in names] == before


def holds(block, seed: bytes) -> bool:
    return bool(block.get("valid")) and block.get("seed").to_bytes(SEED_BYTES, "little") == seed


@pytest.mark.parametrize("number", range(20))
def test_four_words_make_a_seed_whatever_stalls(block, number):
    source = random.Random(number)
    seed = source.randbytes(SEED_BYTES)
    taken = 0
    while taken < SEED_WORDS:
        assert not block.get("valid")
        if source.random() < 0.5:
            assert offer(block, words(seed)[taken])
            taken += 1
        else:
            cycle(block, words__payload=source.getrandbits(64))
    assert holds(block, seed)
    assert not block.get("locked")


def test_a_full_vault_takes_nothing(block):
    fill(block, bytes(range(32)))
    assert_takes_nothing(block)
    assert holds(block, bytes(range(32)))


def test_lock_in_the_cycle_after_the_fourth_word_keeps_the_seed(block):
    fill(block, bytes(range(32)))
    cycle(block, lock=1)
    assert block.get("locked")
    assert_takes_nothing(block)
    assert holds(block, bytes(range(32)))


@pytest.mark.parametrize("taken", range(SEED_WORDS))
def test_lock_stops_a_vault_not_yet_full(block, taken):
    for word in words(bytes(range(32)))[:taken]:
        assert offer(block, word)
    assert not offer(block, 1, lock=1)
    assert block.get("locked")
    assert_takes_nothing(block)
    assert not block.get("valid")


@pytest.mark.parametrize("locked_before", [False, True])
@pytest.mark.parametrize("taken", range(SEED_WORDS + 1))
def test_zeroise_clears_the_seed_for_good(block, taken, locked_before):
    for word in words(b"\xff" * SEED_BYTES)[:taken]:
        assert offer(block, word)
    if locked_before:
        cycle(block, lock=1)
    assert not offer(block, 1, zeroise=1)
    assert block.get("seed") == 0
    assert not block.get("valid")
    assert block.get("locked")
    assert_takes_nothing(block)


def test_reset_empties_the_vault_and_it_can_be_filled_again(block):
    fill(block, bytes(range(32)))
    cycle(block, lock=1)
    block.reset()
    assert [block.get(name) for name in ("seed", "valid", "locked")] == [0, 0, 0]
    fill(block, bytes(range(32, 64)))
    assert holds(block, bytes(range(32, 64)))


@pytest.mark.parametrize("number", range(20))
def test_valid_seed_never_changes_but_to_zero(block, number):
    """Random inputs for long, against what the contract allows."""
    source = random.Random(1000 + number)
    taken: list[int] = []
    closed = zeroised = False
    for _ in range(300):
        word, offered = source.getrandbits(64), source.random() < 0.3
        lock, zeroise = source.random() < 0.02, source.random() < 0.02
        may_take = offered and not (closed or lock or zeroise) and len(taken) < SEED_WORDS
        assert cycle(block, words__valid=offered, words__payload=word, lock=lock, zeroise=zeroise) == may_take
        if may_take:
            taken.append(word)
        closed |= lock | zeroise
        zeroised |= zeroise
        assert block.get("locked") == closed
        assert block.get("valid") == (len(taken) == SEED_WORDS and not zeroised)
        if block.get("valid"):
            assert block.get("seed") == sum(word << 64 * i for i, word in enumerate(taken))
        if zeroised:
            assert block.get("seed") == 0
