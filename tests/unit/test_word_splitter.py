"""The word splitter: every word to exactly one consumer, the first that asks first."""

import random

import pytest

from rtl.crypto.word_splitter import WordSplitter
from sim.rtl.block import VerilatedBlock


@pytest.fixture(scope="module")
def block():
    return VerilatedBlock(WordSplitter(2), cycle_limit=200_000)


def test_the_lower_consumer_is_served_first_a_word_every_two_cycles(block):
    block.power_on()
    block.set_all({"words__valid": 1, "words__payload": 5})
    outputs = block.run(
        {"output0__ready": [1, 1, 1, 1, 0, 0, 0, 0], "output1__ready": [1] * 8},
        ["output0__valid", "output1__valid", "words__ready"],
    )
    assert outputs["output0__valid"] == [0, 1, 0, 1, 0, 0, 0, 0]
    assert outputs["output1__valid"] == [0, 0, 0, 0, 0, 1, 0, 1]
    assert outputs["words__ready"] == [0, 1, 0, 1, 0, 1, 0, 1]


def test_a_promise_is_kept(block):
    """Once the second consumer has been promised the word, the first's asking does not take it away."""
    block.power_on()
    block.set_all({"words__valid": 1, "words__payload": 6})
    outputs = block.run(
        {"output0__ready": [0, 1, 1, 1, 1], "output1__ready": [1, 0, 0, 1, 0]}, ["output0__valid", "output1__valid"]
    )
    assert outputs == {"output0__valid": [0, 0, 0, 0, 0], "output1__valid": [0, 1, 1, 1, 0]}


def test_a_word_that_is_taken_back_reaches_nobody(block):
    block.power_on()
    outputs = block.run(
        {
            "words__valid": [1, 0, 0, 0],
            "words__payload": [7] * 4,
            "output0__ready": [1] * 4,
            "output1__ready": [1] * 4,
        },
        ["output0__valid", "output1__valid", "words__ready"],
    )
    assert not any(outputs["output0__valid"]) and not any(outputs["output1__valid"])


@pytest.mark.parametrize("seed", range(3))
def test_each_word_reaches_one_consumer_in_order(block, seed):
    stalls = random.Random(seed)
    words = [stalls.getrandbits(64) for _ in range(400)]
    received: list[list[int]] = [[], []]
    block.power_on()
    at, offered, before = 0, False, (0, 0)
    for _ in range(6000):
        offered = at < len(words) and (offered or stalls.random() < 0.6)
        block.set_all({"words__valid": offered, "words__payload": words[at] if offered else 0})
        block.set_all({f"output{index}__ready": stalls.random() < 0.3 for index in range(2)})
        valid = (block.get("output0__valid"), block.get("output1__valid"))
        assert valid != (1, 1)
        assert all(now or not earlier for now, earlier in zip(valid, before, strict=True)), "valid fell"
        transfers = [index for index in range(2) if valid[index] and block.get(f"output{index}__ready")]
        for index in transfers:
            assert block.get(f"output{index}__payload") == words[at]
            received[index].append(words[at])
        assert block.get("words__ready") == (1 if transfers else 0)
        before = tuple(0 if index in transfers else valid[index] for index in range(2))
        if transfers:
            at, offered = at + 1, False
        block.step()
    assert at == len(words) == sum(map(len, received))
    assert min(map(len, received)) > 100
