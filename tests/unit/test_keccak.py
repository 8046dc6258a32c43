"""Keccak permutations in RTL against the Keccak team's and RFC 9861's vectors, the golden model and exact cycles."""

import gc
import random
import warnings
from functools import cache

import numpy as np
import pytest
from amaranth.hdl import UnusedElaboratable

from rtl.crypto.keccak import KeccakPermutation
from rtl.crypto.keccak_folded import FOLDINGS, FoldedKeccakPermutation
from sim.golden.keccak import keccak_p
from sim.rtl.block import VerilatedBlock
from tests.unit.keccak_vectors import KECCAK_F_CHAIN, lanes

LANES = 25


def random_state(source: random.Random) -> list[int]:
    return [source.getrandbits(64) for _ in range(LANES)]


def permuted(state: list[int], rounds: int) -> list[int]:
    return keccak_p(np.array(state, dtype=np.uint64), rounds).tolist()


@cache
def unfolded(rounds_per_cycle: int) -> VerilatedBlock:
    return VerilatedBlock(KeccakPermutation(rounds_per_cycle), f"keccak_{rounds_per_cycle}", cycle_limit=20_000)


@cache
def folded(slices_per_cycle: int) -> VerilatedBlock:
    component = FoldedKeccakPermutation(slices_per_cycle)
    return VerilatedBlock(component, f"keccak_folded_{slices_per_cycle}", cycle_limit=200_000)


class Unfolded:
    """KeccakPermutation, just powered on."""

    def __init__(self, rounds_per_cycle: int):
        self.block = unfolded(rounds_per_cycle)
        self.block.power_on()

    def state(self) -> list[int]:
        return [self.block.get(f"state__{i}") for i in range(LANES)]

    def load(self, state: list[int]) -> None:
        self.block.set_all({f"state_in__{i}": lane for i, lane in enumerate(state)} | {"load": 1})

    def permute(self, rounds: int) -> int:
        """Starts, and returns the cycles to the next `ready`. Inputs other than clock mean nothing meanwhile."""
        self.block.set_all({"start": 1, "rounds_24": rounds == 24})
        self.block.step()
        self.block.set_all(
            {"load": 1, "start": 1, "rounds_24": rounds != 24} | {f"state_in__{i}": i for i in range(LANES)}
        )
        cycles = 1
        while not self.block.get("ready"):
            self.block.step()
            cycles += 1
        self.block.set_all({"load": 0, "start": 0})
        return cycles


class Folded:
    """FoldedKeccakPermutation by its operations, just powered on."""

    def __init__(self, slices_per_cycle: int):
        self.block = folded(slices_per_cycle)
        self.block.power_on()

    def do(self, operation: str, **inputs: int) -> int:
        """One operation; returns the cycles to the next `ready`."""
        self.block.set_all(inputs | {operation: 1})
        self.block.step()
        self.block.set_all(dict.fromkeys(inputs, 0) | {operation: 0})
        return 1 + self.block.step_until("ready", limit=5000)

    def add(self, state: list[int]) -> None:
        for i, lane in enumerate(state):
            self.do("absorb", lane=i, word=lane)

    def state(self) -> list[int]:
        result = []
        for i in range(LANES):
            self.do("read", lane=i)
            result.append(self.block.get("value"))
        return result


@pytest.mark.parametrize("rounds_per_cycle", [1, 2])
def test_keccak_f_of_the_keccak_team(rounds_per_cycle):
    dut = Unfolded(rounds_per_cycle)
    for expected in KECCAK_F_CHAIN[1:]:
        dut.permute(24)
        assert dut.state() == lanes(expected).tolist()


@pytest.mark.parametrize("slices_per_cycle", FOLDINGS)
def test_keccak_f_of_the_keccak_team_folded(slices_per_cycle):
    dut = Folded(slices_per_cycle)
    dut.do("clear")
    for expected in KECCAK_F_CHAIN[1:]:
        dut.do("start", rounds_24=1)
        assert dut.state() == lanes(expected).tolist()


@pytest.mark.parametrize("rounds_per_cycle", [1, 2])
def test_random_states_and_exact_cycles(rounds_per_cycle):
    dut = Unfolded(rounds_per_cycle)
    source = random.Random(rounds_per_cycle)
    state = [0] * LANES
    for case in range(60):
        rounds = 24 if case & 1 else 12
        loads, at_once = bool(case & 2), bool(case & 4)
        if loads:
            state = random_state(source)
            dut.load(state)
            if not at_once:
                dut.block.step()
                dut.block.set("load", 0)
        assert dut.permute(rounds) == rounds // rounds_per_cycle + (loads and at_once)
        state = permuted(state, rounds)
        for _ in range(source.randrange(3)):
            assert dut.state() == state
            assert dut.block.get("ready")
            dut.block.step()


@pytest.mark.parametrize("slices_per_cycle", FOLDINGS)
def test_random_states_and_exact_cycles_folded(slices_per_cycle):
    dut = Folded(slices_per_cycle)
    source = random.Random(slices_per_cycle)
    words = 64 // slices_per_cycle
    state = [0] * LANES
    dut.do("clear")
    for _ in range(6):
        for i in source.choices(range(LANES), k=source.randrange(30)):
            word = source.getrandbits(64)
            state[i] ^= word
            assert dut.do("absorb", lane=i, word=word) == words
            dut.block.step(source.randrange(3))
        rounds = source.choice([12, 24])
        assert dut.do("start", rounds_24=rounds == 24) == 2 * words + 1 + rounds * (words + 3)
        state = permuted(state, rounds)
        for i in source.choices(range(LANES), k=8):
            assert dut.do("read", lane=i) == words + 1
            dut.block.step(source.randrange(3))
            assert dut.block.get("value") == state[i]
        assert dut.state() == state
    assert dut.do("clear") == words
    assert dut.state() == [0] * LANES


@pytest.mark.parametrize(
    ("slices_per_cycle", "cycles_12", "cycles_24"),
    [(1, 933, 1737), (2, 485, 905), (4, 261, 489), (8, 149, 281), (16, 93, 177), (32, 65, 125)],
)
def test_cycles_of_every_folding(slices_per_cycle, cycles_12, cycles_24):
    dut = Folded(slices_per_cycle)
    assert dut.do("start", rounds_24=0) == cycles_12
    assert dut.do("start", rounds_24=1) == cycles_24


def test_of_several_folded_operations_the_first_in_the_contract_s_order_is_carried_out():
    dut = Folded(8)
    source = random.Random(6)
    state = random_state(source)
    dut.do("clear")
    dut.add(state)
    dut.do("read", lane=3, start=1)
    assert dut.block.get("value") == state[3]
    assert dut.state() == state
    dut.do("absorb", lane=3, word=5, read=1, start=1)
    state[3] ^= 5
    assert dut.state() == state
    dut.do("clear", lane=3, word=5, absorb=1, read=1, start=1)
    assert dut.state() == [0] * LANES


def test_a_folded_operation_is_not_disturbed_by_others_while_it_runs():
    dut = Folded(8)
    source = random.Random(5)
    state = random_state(source)
    dut.do("clear")
    dut.add(state)
    dut.block.set_all({"start": 1, "rounds_24": 0})
    dut.block.step()
    for _ in range(140):
        assert not dut.block.get("ready")
        dut.block.set_all({name: source.getrandbits(1) for name in ("clear", "absorb", "read", "start", "rounds_24")})
        dut.block.set_all({"lane": source.randrange(LANES), "word": source.getrandbits(64)})
        dut.block.step()
    dut.block.set_all(dict.fromkeys(("clear", "absorb", "read", "start"), 0))
    dut.block.step_until("ready", limit=20)
    assert dut.state() == permuted(state, 12)


def refusal(component: type, folding: int) -> str:
    try:
        component(folding)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("component", [KeccakPermutation, FoldedKeccakPermutation])
@pytest.mark.parametrize("folding", [0, 3, 64])
def test_foldings_that_do_not_exist_are_refused(component, folding):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        assert f"is {folding}, not" in refusal(component, folding)
        gc.collect()
